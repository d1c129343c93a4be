module Redmine
  module VERSION #:nodoc:
    MAJOR = 5
    MINOR = 0
    TINY  = 4
    BRANCH = "stable"
  end
end
