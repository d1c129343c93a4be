Gem::Specification.new do |spec|
  spec.name = NAME
  spec.version = VERSION
end
