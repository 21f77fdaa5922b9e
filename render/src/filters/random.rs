//! Python's `random.Random`: the Mersenne Twister, so that a seed gives what it gives in Python.

use rand::RngCore;
use sha2::{Digest, Sha512};

const N: usize = 624;
const M: usize = 397;

/// Where random numbers come from.
pub(super) enum Source {
    /// The system.
    System,
    /// A generator with a seed.
    Seeded(Box<Twister>),
}

/// The generator MT19937.
pub(super) struct Twister {
    state: [u32; N],
    at: usize,
}

impl Source {
    /// Random numbers without a seed.
    pub fn system() -> Source {
        Source::System
    }

    /// Those of `random.Random(hash(seed))`, where `hash` is the SHA-512 in hex (`salt.utils.data.hash`).
    pub fn seeded(seed: &[u8]) -> Source {
        let mut key: Vec<u8> =
            Sha512::digest(seed).iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect();
        // A text as seed: its bytes and their SHA-512 as one big number (`Random.seed`, version 2).
        key.extend(Sha512::digest(&key));
        let words =
            key.rchunks(4).map(|part| part.iter().fold(0u32, |word, byte| word << 8 | u32::from(*byte)));
        Source::Seeded(Box::new(Twister::new(&words.collect::<Vec<_>>())))
    }

    fn word(&mut self) -> u32 {
        match self {
            Source::System => rand::thread_rng().next_u32(),
            Source::Seeded(twister) => twister.next(),
        }
    }

    /// A number below `n` (`_randbelow_with_getrandbits`).
    pub fn below(&mut self, n: usize) -> usize {
        let n = u32::try_from(n).unwrap_or(u32::MAX).max(1);
        let bits = 32 - n.leading_zeros();
        loop {
            let number = self.word() >> (32 - bits);
            if number < n {
                return number as usize;
            }
        }
    }

    /// The places of `size` of `n` items (`Random.sample`).
    pub fn sample(&mut self, n: usize, size: usize) -> Vec<usize> {
        let mut set_size = 21;
        if size > 5 {
            set_size += 4usize.pow(((size * 3) as f64).log(4.0).ceil() as u32);
        }
        let mut chosen = Vec::with_capacity(size);
        if n <= set_size {
            let mut pool: Vec<usize> = (0..n).collect();
            for i in 0..size {
                let j = self.below(n - i);
                chosen.push(pool[j]);
                pool[j] = pool[n - i - 1];
            }
        } else {
            let mut taken = std::collections::HashSet::new();
            while chosen.len() < size {
                let j = self.below(n);
                if taken.insert(j) {
                    chosen.push(j);
                }
            }
        }
        chosen
    }
}

impl Twister {
    /// `init_by_array`
    fn new(key: &[u32]) -> Twister {
        let mut state = [0u32; N];
        state[0] = 19_650_218;
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        for _ in 0..N.max(key.len()) {
            let before = state[i - 1];
            state[i] = (state[i] ^ (before ^ (before >> 30)).wrapping_mul(1_664_525))
                .wrapping_add(key[j])
                .wrapping_add(j as u32);
            i += 1;
            j += 1;
            if i >= N {
                state[0] = state[N - 1];
                i = 1;
            }
            if j >= key.len() {
                j = 0;
            }
        }
        for _ in 0..N - 1 {
            let before = state[i - 1];
            state[i] =
                (state[i] ^ (before ^ (before >> 30)).wrapping_mul(1_566_083_941)).wrapping_sub(i as u32);
            i += 1;
            if i >= N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Twister { state, at: N }
    }

    fn next(&mut self) -> u32 {
        if self.at >= N {
            for i in 0..N {
                let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
                let twist = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ twist;
            }
            self.at = 0;
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }
}
