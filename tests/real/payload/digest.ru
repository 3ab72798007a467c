# A rack application that answers a POST with the digest and the size of its body.
require 'digest'

run(lambda do |env|
  body = env['rack.input'].read.to_s
  answer = env['REQUEST_METHOD'] == 'GET' ? 'hello' : "#{Digest::SHA256.hexdigest(body)} #{body.bytesize}"
  [200, { 'content-type' => 'text/plain', 'content-length' => answer.bytesize.to_s }, [answer]]
end)
