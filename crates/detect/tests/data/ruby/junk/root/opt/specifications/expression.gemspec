Gem::Specification.new do |s|
  s.name = "#{ENV['NAME']}"
  s.version = File.read("VERSION").strip
end
