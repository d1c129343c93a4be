module Mastodon
  module Version
    module_function

    def major
      1
    end

    def minor
      5
    end

    def patch
      0
    end

    def flags
      ''
    end
  end
end
