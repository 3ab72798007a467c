import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.LongAdder;
import java.util.concurrent.locks.ReentrantLock;
import java.util.stream.LongStream;

/** Mixed tasks in an executor of 64 threads, then what else the language does with threads. */
public class Pool {
    private static final int WORKERS = 64;

    private static final ReentrantLock lock = new ReentrantLock();
    private static final ConcurrentHashMap<Integer, LongAdder> tally = new ConcurrentHashMap<>();
    private static final BlockingQueue<Integer> channel = new ArrayBlockingQueue<>(8);
    private static final ThreadLocal<Integer> own = new ThreadLocal<>();
    private static int counted;

    public static void main(String[] args) throws Exception {
        int tasks = Integer.parseInt(args[0]);
        runTasks(tasks);
        monitor();
        parallel();
        interrupt();
        overflow();
        child();
        schedule();
        System.out.println("ok " + tasks + " tasks");
        System.exit(7);
    }

    private static void check(boolean truth, String text) {
        if (!truth) {
            throw new AssertionError(text);
        }
    }

    private static void runTasks(int tasks) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(WORKERS);
        CyclicBarrier gate = new CyclicBarrier(WORKERS);
        List<Future<Integer>> met = new ArrayList<>();
        for (int i = 0; i < WORKERS; i++) {
            met.add(pool.submit(() -> gate.await(30, TimeUnit.SECONDS)));
        }
        check(sum(met) == WORKERS * (WORKERS - 1L) / 2, "the barrier let a thread by");
        List<Future<Integer>> results = new ArrayList<>();
        for (int i = 0; i < tasks; i++) {
            int index = i;
            results.add(pool.submit(() -> task(index)));
        }
        check(sum(results) == tasks * (tasks - 1L) / 2, "a result was lost");
        check(counted == (tasks + 3) / 5, "an increment was lost under the lock");
        check(tally.values().stream().mapToLong(LongAdder::sum).sum() == (tasks + 2) / 5, "a tally was lost");
        pool.shutdown();
        check(pool.awaitTermination(30, TimeUnit.SECONDS), "the pool did not end");
    }

    private static long sum(List<Future<Integer>> results) throws Exception {
        long sum = 0;
        for (Future<Integer> result : results) {
            sum += result.get();
        }
        return sum;
    }

    private static int task(int index) throws InterruptedException {
        switch (index % 5) {
            case 0: // garbage, so that the collector stops all threads now and then
                byte[] fresh = new byte[100 * 1024];
                check(fresh[index % fresh.length] == 0, "new memory is not zero");
                return index;
            case 1:
                own.set(index);
                Thread.sleep(index % 3);
                return own.get();
            case 2:
                lock.lock();
                try {
                    counted++;
                } finally {
                    lock.unlock();
                }
                return index;
            case 3:
                tally.computeIfAbsent(index % 17, key -> new LongAdder()).increment();
                return index;
            default:
                channel.put(index);
                channel.take();
                return index;
        }
    }

    /** Four threads take turns by wait and notifyAll. */
    private static void monitor() throws InterruptedException {
        int[] turn = {0};
        List<Thread> threads = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            int mine = i;
            threads.add(new Thread(() -> {
                for (int round = 0; round < 500; round++) {
                    synchronized (turn) {
                        while (turn[0] % 4 != mine) {
                            waitFor(turn);
                        }
                        turn[0]++;
                        turn.notifyAll();
                    }
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        check(turn[0] == 2000, "the threads took " + turn[0] + " turns");
    }

    private static void waitFor(Object object) {
        try {
            object.wait();
        } catch (InterruptedException error) {
            throw new AssertionError(error);
        }
    }

    private static void parallel() throws Exception {
        check(LongStream.range(0, 1_000_000).parallel().sum() == 499999500000L, "a parallel sum is wrong");
        var three = CompletableFuture.supplyAsync(() -> 1).thenCombineAsync(CompletableFuture.supplyAsync(() -> 2), Integer::sum);
        check(three.get(30, TimeUnit.SECONDS) == 3, "a completable future is wrong");
    }

    private static void interrupt() throws InterruptedException {
        boolean[] interrupted = {false};
        Thread sleeper = new Thread(() -> {
            try {
                Thread.sleep(60000);
            } catch (InterruptedException error) {
                interrupted[0] = true;
            }
        });
        sleeper.start();
        Thread.sleep(10);
        sleeper.interrupt();
        sleeper.join();
        check(interrupted[0], "a sleeper was not interrupted");
    }

    /** Faults that the virtual machine turns into exceptions. */
    private static void overflow() throws InterruptedException {
        int[] caught = {0};
        Runnable deep = () -> {
            try {
                check(depth(0) < 0, "no end");
            } catch (StackOverflowError error) {
                caught[0]++;
            }
            try {
                int[] nothing = caught[0] > 0 ? null : caught;
                check(nothing[0] < 0, "no exception");
            } catch (NullPointerException error) {
                caught[0]++;
            }
        };
        deep.run();
        Thread thread = new Thread(deep);
        thread.start();
        thread.join();
        check(caught[0] == 4, caught[0] + " of 4 exceptions came");
    }

    private static int depth(int level) {
        return depth(level + 1) + 1;
    }

    private static void child() throws Exception {
        Process shell = new ProcessBuilder("sh", "-c", "cat; exit 3").start();
        shell.getOutputStream().write("hello".getBytes());
        shell.getOutputStream().close();
        check(new String(shell.getInputStream().readAllBytes()).equals("hello"), "cat said something else");
        check(shell.waitFor() == 3, "a child's status is wrong");
    }

    private static void schedule() throws InterruptedException {
        ScheduledExecutorService timers = Executors.newScheduledThreadPool(2);
        CountDownLatch ticks = new CountDownLatch(10);
        timers.scheduleAtFixedRate(ticks::countDown, 1, 3, TimeUnit.MILLISECONDS);
        check(ticks.await(30, TimeUnit.SECONDS), "a periodic task stopped");
        timers.shutdownNow();
    }
}
