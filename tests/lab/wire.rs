//! A wire between a client and a server's port, which can be cut, held and soiled: of a minion to its master, or of one to
//! its vCenter.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::Result;

/// Forwards every connection on a port of its own to another one.
pub struct Wire {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    to: u16,
    /// The client's ends of the connections that live.
    near: Mutex<Vec<TcpStream>>,
    state: Mutex<State>,
    /// Connections that something has gone astray on, by the client's address, and which way.
    dead: Mutex<Vec<(SocketAddr, Way)>>,
    /// Bytes that came from the server.
    received: AtomicUsize,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Open,
    Cut,
    Held(Way),
    Paused,
    Gone,
}

/// A direction on a wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Way {
    /// From the client to the server.
    There,
    /// From the server to the client.
    Back,
}

impl Wire {
    /// Lays a wire to a port on loopback.
    pub fn to(port: u16) -> Result<Wire> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let shared = Arc::new(Shared {
            to: port,
            near: Mutex::default(),
            state: Mutex::new(State::Open),
            dead: Mutex::default(),
            received: AtomicUsize::new(0),
        });
        let wire = Wire { port: listener.local_addr()?.port(), shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for near in listener.incoming().flatten() {
                match *lock(&shared.state) {
                    State::Gone => return,
                    State::Cut => continue,
                    State::Open | State::Held(_) | State::Paused => {}
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

    /// Half opens the wire: what goes this way on it vanishes, and nobody is told, until [`Wire::mend`]. A connection that
    /// has lost anything stays so for ever, as one that a firewall has forgotten.
    pub fn hold(&self, way: Way) {
        *lock(&self.shared.state) = State::Held(way);
    }

    /// Keeps what either side says, with the connections open, and delivers it after [`Wire::mend`]: packets that vanish for a
    /// while, and are sent again.
    pub fn pause(&self) {
        *lock(&self.shared.state) = State::Paused;
    }

    /// How many bytes came from the server so far.
    pub fn received(&self) -> usize {
        self.shared.received.load(Ordering::Relaxed)
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
        let ways = [(Way::There, near.try_clone()?, far.try_clone()?), (Way::Back, far, near)];
        for (way, mut from, mut into) in ways {
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while let Ok(n @ 1..) = from.read(&mut buffer) {
                    if way == Way::Back {
                        shared.received.fetch_add(n, Ordering::Relaxed);
                    }
                    while *lock(&shared.state) == State::Paused {
                        std::thread::sleep(Duration::from_millis(20));
                    }
                    if !shared.swallows(id, way) && into.write_all(&buffer[..n]).is_err() {
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

    /// Whether what comes on a connection vanishes.
    fn swallows(&self, id: SocketAddr, way: Way) -> bool {
        let held = *lock(&self.state) == State::Held(way);
        let mut dead = lock(&self.dead);
        if held && !dead.contains(&(id, way)) {
            dead.push((id, way));
        }
        dead.contains(&(id, way))
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
