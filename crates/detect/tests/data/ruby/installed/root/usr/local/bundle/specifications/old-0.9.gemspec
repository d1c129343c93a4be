Gem::Specification.new do |spec|
  spec.name = %q{old}
  spec.version = Gem::Version.new("0.9")
end
