module Mastodon
  module Version
    module_function

    def major
      4
    end

    def minor
      2
    end

    def patch
      3
    end

    def source_base_url
      ENV.fetch('SOURCE_BASE_URL', "https://example.org/#{repository}")
    end
  end
end
