/* Threads of Java, each in a wait of its own. */
import java.util.concurrent.*;

class Threads {
    public static void main(String[] arguments) throws Exception {
        var queue = new LinkedBlockingQueue<String>();
        var object = new Object();
        new Thread(() -> { try { queue.take(); } catch (Exception e) { } }).start();
        new Thread(() -> { try { Thread.sleep(10000000); } catch (Exception e) { } }).start();
        new Thread(() -> { try { synchronized (object) { object.wait(); } } catch (Exception e) { } }).start();
        System.in.read();
    }
}
