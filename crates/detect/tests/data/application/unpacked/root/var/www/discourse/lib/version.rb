module Discourse
  unless defined?(::Discourse::VERSION)
    module VERSION
      STRING = "3.2.0.beta2-dev"
    end
  end
end
