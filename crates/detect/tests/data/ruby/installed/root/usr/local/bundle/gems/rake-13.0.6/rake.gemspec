Gem::Specification.new do |spec|
  spec.name = 'a source, not an installation'
  spec.version = '13.0.6'
end
