module Discourse
  unless defined? ::Discourse::VERSION
    module VERSION #:nodoc:
      MAJOR = 2
      MINOR = 4
      TINY  = 0
      PRE   = 'beta10'

      STRING = [MAJOR, MINOR, TINY, PRE].compact.join('.')
    end
  end
end
