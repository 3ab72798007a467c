// go_peer yield THREADS MS | handoff cond MS | channel MS | mailbox MS | spawn MS | timers THREADS MS |
// echo: the same measurements on goroutines.
//
// Pinned to one core like the others, so the runtime has one P.
package main

import (
	"fmt"
	"net"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func fail(message string) {
	fmt.Fprintln(os.Stderr, message)
	os.Exit(1)
}

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil || value < 1 {
		fail("expected a number, got '" + text + "'")
	}
	return value
}

func runTeam(members, count int, body func(member, count int)) time.Duration {
	var done sync.WaitGroup
	start := time.Now()
	for member := 0; member < members; member++ {
		done.Add(1)
		go func(member int) {
			body(member, count)
			done.Done()
		}(member)
	}
	done.Wait()
	return time.Since(start)
}

// One turn of all members is so many operations.
func report(metric string, members, operations int, budget time.Duration, body func(member, count int)) {
	for count := 16; ; count *= 2 {
		spent := runTeam(members, count, body)
		if spent >= budget/2 {
			fmt.Printf("%s %.6g ns\n", metric, float64(spent.Nanoseconds())/float64(count*operations))
			return
		}
	}
}

func yield(_, count int) {
	for i := 0; i < count; i++ {
		runtime.Gosched()
	}
}

func handoff() func(member, count int) {
	var lock sync.Mutex
	granted := [2]*sync.Cond{sync.NewCond(&lock), sync.NewCond(&lock)}
	turn := 0
	return func(member, count int) {
		lock.Lock()
		defer lock.Unlock()
		for i := 0; i < count; i++ {
			for turn != member {
				granted[member].Wait()
			}
			turn = 1 - member
			granted[1-member].Signal()
		}
	}
}

// The mailbox is a channel with room, since that is what a program here would use.
func talk(room int) func(member, count int) {
	values := make(chan int, room)
	return func(member, count int) {
		for i := 0; i < count; i++ {
			if member == 0 {
				values <- i
			} else if <-values != i {
				fail("channel: a wrong value")
			}
		}
	}
}

func spawn(_, count int) {
	result := make(chan int, 1)
	for i := 0; i < count; i++ {
		go func(number int) { result <- number + 1 }(i)
		if <-result != i+1 {
			fail("spawn: a wrong result")
		}
	}
}

func processCPU() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err.Error())
	}
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func timers(count int, shortest time.Duration) {
	var begun, done sync.WaitGroup
	var pending, most int64
	begin := make(chan struct{})
	for i := 0; i < count; i++ {
		begun.Add(1)
		done.Add(1)
		go func(seed int) {
			begun.Done()
			<-begin
			now := atomic.AddInt64(&pending, 1)
			for before := atomic.LoadInt64(&most); now > before; before = atomic.LoadInt64(&most) {
				atomic.CompareAndSwapInt64(&most, before, now)
			}
			share := float64(uint32(seed)*2654435761) / (1 << 32)
			time.Sleep(shortest + time.Duration(share*float64(shortest)))
			atomic.AddInt64(&pending, -1)
			done.Done()
		}(i)
	}
	begun.Wait()
	before := processCPU()
	close(begin)
	done.Wait()
	fmt.Printf("cpu %.6g ns/sleep\npending %d threads\n", (processCPU()-before)/float64(count), most)
}

func serve(connection net.Conn) {
	defer connection.Close()
	buffer := make([]byte, 4096)
	for {
		got, err := connection.Read(buffer)
		if err != nil {
			return
		}
		if _, err = connection.Write(buffer[:got]); err != nil {
			return
		}
	}
}

func echo() {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		fail(err.Error())
	}
	fmt.Printf("port %d tcp\n", listener.Addr().(*net.TCPAddr).Port)
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail(err.Error())
		}
		go serve(connection)
	}
}

func main() {
	time.AfterFunc(240*time.Second, func() { fail("go_peer: time limit") })
	if len(os.Args) == 2 && os.Args[1] == "echo" {
		echo()
	}
	if len(os.Args) < 3 || len(os.Args) > 4 {
		fail("usage: go_peer yield THREADS MS | handoff cond MS | channel MS | mailbox MS | spawn MS |" +
			" timers THREADS MS | echo")
	}
	budget := time.Duration(number(os.Args[len(os.Args)-1])) * time.Millisecond
	switch os.Args[1] {
	case "yield":
		threads := number(os.Args[2])
		report("yield", threads, threads, budget, yield)
	case "handoff":
		report("handoff", 2, 2, budget, handoff())
	case "channel":
		report("channel", 2, 1, budget, talk(0))
	case "mailbox":
		report("mailbox", 2, 1, budget, talk(1000))
	case "spawn":
		report("spawn", 1, 1, budget, spawn)
	case "timers":
		timers(number(os.Args[2]), budget)
	default:
		fail(os.Args[1] + ": no such measurement")
	}
}
