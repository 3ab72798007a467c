// go_peer yield THREADS MS | handoff cond MS | echo: the same measurements on goroutines.
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

func report(metric string, members int, budget time.Duration, body func(member, count int)) {
	for count := 16; ; count *= 2 {
		spent := runTeam(members, count, body)
		if spent >= budget/2 {
			fmt.Printf("%s %.6g ns\n", metric, float64(spent.Nanoseconds())/float64(count*members))
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
	time.AfterFunc(120*time.Second, func() { fail("go_peer: time limit") })
	if len(os.Args) == 2 && os.Args[1] == "echo" {
		echo()
	}
	if len(os.Args) != 4 {
		fail("usage: go_peer yield THREADS MS | handoff cond MS | echo")
	}
	budget := time.Duration(number(os.Args[3])) * time.Millisecond
	if os.Args[1] == "yield" {
		report("yield", number(os.Args[2]), budget, yield)
	} else {
		report("handoff", 2, budget, handoff())
	}
}
