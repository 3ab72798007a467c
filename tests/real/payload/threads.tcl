# Interpreters in threads of their own: messages, a lock with a condition, a pool, shared variables.
package require Thread
set rounds [lindex $argv 0]
set lock [thread::mutex create]
set full [thread::cond create]
tsv::set all started 0
set body "
    thread::mutex lock $lock
    tsv::incr all started
    thread::cond notify $full
    while {\[tsv::get all started\] < 20} {thread::cond wait $full $lock}
    thread::mutex unlock $lock
    thread::wait
"
set threads {}
for {set i 0} {$i < 20} {incr i} {
    lappend threads [thread::create -joinable $body]
}
set sum 0
for {set round 0} {$round < $rounds} {incr round} {
    foreach thread $threads {
        incr sum [thread::send $thread "expr {$round % 7}"]
    }
}
foreach thread $threads {
    thread::send -async $thread {thread::release}
}
foreach thread $threads {
    thread::join $thread
}
set pool [tpool::create -minworkers 4 -maxworkers 8]
set jobs {}
for {set i 0} {$i < 200} {incr i} {
    lappend jobs [tpool::post $pool "after 1; expr {$i * $i}"]
}
foreach job $jobs {
    tpool::wait $pool $job
    incr sum [tpool::get $pool $job]
}
set wanted 2646700
for {set round 0} {$round < $rounds} {incr round} {
    incr wanted [expr {20 * ($round % 7)}]
}
puts [expr {$sum == $wanted ? "ok $sum" : "wrong: $sum, not $wanted"}]
exit 4
