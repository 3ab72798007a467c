// Threads of Rust's own library, each in a wait of its own.
use std::io::Read;
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, RwLock};
use std::thread;
use std::time::Duration;

trait Work {
    fn work(&self) -> usize;
}

struct Receives<T>(Mutex<mpsc::Receiver<T>>);

impl<T> Work for Receives<T> {
    fn work(&self) -> usize {
        self.0.lock().unwrap().recv().is_ok() as usize
    }
}

mod nested {
    pub fn wait_on<F: Fn() -> bool>(test: F) -> bool {
        std::thread::park();
        test()
    }
}

fn main() {
    let mutex = Arc::new(Mutex::new(0));
    let lock = Arc::new(RwLock::new(0));
    let pair = Arc::new((Mutex::new(false), Condvar::new()));
    let barrier = Arc::new(Barrier::new(2));
    let (sender, receiver) = mpsc::channel::<String>();
    let held = mutex.lock().unwrap();
    let written = lock.write().unwrap();
    let mut threads = Vec::new();

    let m = mutex.clone();
    threads.push(thread::spawn(move || *m.lock().unwrap()));
    let l = lock.clone();
    threads.push(thread::spawn(move || *l.read().unwrap()));
    let p = pair.clone();
    threads.push(thread::spawn(move || *p.1.wait(p.0.lock().unwrap()).unwrap() as i32));
    let b = barrier.clone();
    threads.push(thread::spawn(move || b.wait().is_leader() as i32));
    let work: Box<dyn Work + Send> = Box::new(Receives(Mutex::new(receiver)));
    threads.push(thread::spawn(move || work.work() as i32));
    threads.push(thread::Builder::new().name("parked".into()).spawn(|| nested::wait_on(|| true) as i32).unwrap());
    threads.push(thread::spawn(|| { thread::sleep(Duration::from_secs(10000)); 1 }));
    threads.push(thread::spawn(|| std::io::stdin().read(&mut [0u8; 8]).unwrap_or(0) as i32));
    let first = threads.remove(0);
    first.join().unwrap();
    drop((held, written, sender));
}
