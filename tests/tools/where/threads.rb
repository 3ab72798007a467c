# Threads of Ruby, each in a wait of its own.
queue = Queue.new
mutex = Mutex.new
mutex.lock
reader, _writer = IO.pipe
Thread.new { queue.pop }
Thread.new { mutex.synchronize { 1 } }
Thread.new { sleep 10000 }
Thread.new { reader.read }
$stdin.read
