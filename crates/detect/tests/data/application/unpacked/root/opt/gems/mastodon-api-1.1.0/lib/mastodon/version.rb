module Mastodon
  module Version
    module_function

    def major
      1
    end

    def minor
      1
    end

    def patch
      0
    end
  end
end
