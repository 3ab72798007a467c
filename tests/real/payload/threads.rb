# What Ruby does with threads: queues, mutexes, sockets, timeouts, children, ractors; checks its own work.
require 'digest/sha2' # at once: threads that find it missing together may both fail
require 'open3'
require 'socket'
require 'timeout'

CLIENTS = 100
ROUNDS = ARGV[0].to_i

def check(truth, text)
  abort text unless truth
end

def talk(port, number)
  socket = TCPSocket.new('127.0.0.1', port)
  ROUNDS.times do |round|
    socket.puts "#{number} #{round}"
    check socket.gets.chomp == Digest::SHA256.hexdigest("#{number} #{round}"), 'a digest is wrong'
  end
  socket.close
end

server = TCPServer.new('127.0.0.1', 0)
Thread.new do
  loop do
    Thread.new(server.accept) do |connection|
      while (line = connection.gets)
        connection.puts Digest::SHA256.hexdigest(line.chomp)
      end
      connection.close
    end
  end
end
CLIENTS.times.map { |number| Thread.new { talk(server.addr[1], number) } }.each(&:join)

queue = SizedQueue.new(4)
mutex = Mutex.new
sum = 0
takers = 8.times.map { Thread.new { while (item = queue.pop) != :end do mutex.synchronize { sum += item } end } }
1000.times { |item| queue << item }
8.times { queue << :end }
takers.each(&:join)
check sum == 499_500, "the queue gave #{sum}"

begin
  Timeout.timeout(0.05) { sleep }
  abort 'a timeout was missed'
rescue Timeout::Error
end
busy = Thread.new { loop {} }
sleep 0.05
busy.kill.join
check busy.status == false, 'a busy thread was not killed'

statuses = 16.times.map { |n| Thread.new { Open3.capture2('cat; exit 3', stdin_data: "#{n}" * 10_000) } }.map(&:value)
check statuses.each_with_index.all? { |(out, status), n| out == "#{n}" * 10_000 && status.exitstatus == 3 }, 'a child is wrong'
child = fork { Thread.new { exit! 4 }.join }
Process.wait child
check $?.exitstatus == 4, 'a forked child is wrong'

def deep(level)
  deep(level + 1)
end
overflows = 2.times.map { Thread.new { begin; deep(0); rescue SystemStackError; 1; end } }.sum(&:value)
check overflows == 2, 'a stack overflow was missed'
ractors = 4.times.map { |n| Ractor.new(n) { |own| (1..10_000).sum * own } }
check ractors.sum(&:take) == 300_030_000, 'a ractor is wrong'
puts "ok #{CLIENTS * ROUNDS} digests"
