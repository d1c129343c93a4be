Gem::Specification.new do |s|
  s.name = "two words"
  s.version = "1.0"
end
