//! A wire between a minion and a master's port, which can be cut, held and soiled.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use crate::Result;

/// Forwards every connection on a port of its own to another one.
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    /// The minion's ends of the connections that live.
    near: Mutex<Vec<TcpStream>>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Cut,
    Gone,
}

impl Wire {
    /// Lays a wire to a port on loopback.
    pub fn to(port: u16) -> Result<Wire> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared = Arc::new(Shared { to: port, near: Mutex::default(), state: Mutex::new(State::Open) });
        let wire = Wire { port: listener.local_addr()?.port(), shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                match *lock(&shared.state) {
                    State::Gone => return,
                    State::Cut => continue,
                    State::Open => {}
                }
                let _ = shared.join(near);
            }
        });
        Ok(wire)
    }

    /// The port to connect to.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sends bytes to every connected minion, in the middle of what the master says. Gives how many got them.
    pub fn inject(&self, bytes: &[u8]) -> usize {
        let near = lock(&self.shared.near);
        near.iter().filter(|s| (&**s).write_all(bytes).is_ok()).count()
    }

    /// Closes all connections, and every new one at once, until [`Wire::mend`].
    pub fn cut(&self) {
        *lock(&self.shared.state) = State::Cut;
        self.shared.close();
    }

    /// Lets connections through again.
    pub fn mend(&self) {
        *lock(&self.shared.state) = State::Open;
    }

    /// How many connections live.
    pub fn connections(&self) -> usize {
        lock(&self.shared.near).len()
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        *lock(&self.shared.state) = State::Gone;
        self.shared.close();
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl Shared {
    fn join(self: &Arc<Self>, near: TcpStream) -> Result<()> {
        let far = TcpStream::connect(("127.0.0.1", self.to))?;
        let id = near.peer_addr()?;
        lock(&self.near).push(near.try_clone()?);
        for (mut from, mut into) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while let Ok(n @ 1..) = from.read(&mut buffer) {
                    if into.write_all(&buffer[..n]).is_err() {
                        break;
                    }
                }
                let _ = from.shutdown(Shutdown::Both);
                let _ = into.shutdown(Shutdown::Both);
                lock(&shared.near).retain(|s| s.peer_addr().is_ok_and(|a| a != id));
            });
        }
        Ok(())
    }

    fn close(&self) {
        for near in lock(&self.near).drain(..) {
            let _ = near.shutdown(Shutdown::Both);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
