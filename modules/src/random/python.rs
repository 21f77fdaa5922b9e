//! Python's generator of random numbers: who gives a seed gets what Python makes of it.
//!
//! Facts: CPython 3.11, `Lib/random.py` and `Modules/_randommodule.c`; the generator is MT19937.

use salt::{Error, Result, Value};
use sha2::{Digest, Sha512};

const N: usize = 624;
const M: usize = 397;

/// The generator, after its seed.
pub struct Python {
    state: [u32; N],
    next: usize,
}

impl Python {
    /// Seeded as `random.seed(seed)` does it with text, bytes or a whole number.
    ///
    /// # Errors
    /// Python takes nothing else: [`Error::Exception`] with its sentence.
    pub fn seeded(seed: &Value) -> Result<Python> {
        let mut bytes = match seed {
            Value::Str(text) => text.clone().into_bytes(),
            Value::Bytes(bytes) => bytes.clone(),
            Value::Int(number) => return Ok(Python::of_number(&number.unsigned_abs().to_le_bytes())),
            Value::Bool(yes) => return Ok(Python::of_number(&[u8::from(*yes)])),
            Value::BigInt(number) => return Ok(Python::of_number(&number.magnitude().to_bytes_le())),
            other => {
                let message =
                    "The only supported seed types are: None,\nint, float, str, bytes, and bytearray.";
                tracing::debug!("a {} is no seed", other.type_name());
                return Err(Error::exception("TypeError", message));
            }
        };
        let digest = Sha512::digest(&bytes);
        bytes.extend_from_slice(&digest);
        // The text is a number with its first byte at the large end.
        bytes.reverse();
        Ok(Python::of_number(&bytes))
    }

    /// `init_by_array` with the number's 32-bit words, the smallest first.
    fn of_number(little_endian: &[u8]) -> Python {
        let word = |chunk: &[u8]| chunk.iter().rev().fold(0, |word: u32, byte| word << 8 | u32::from(*byte));
        let mut key: Vec<u32> = little_endian.chunks(4).map(word).collect();
        while key.len() > 1 && key.last() == Some(&0) {
            key.pop();
        }
        let mut state = [0; N];
        state[0] = 19_650_218;
        for i in 1..N {
            let before: u32 = state[i - 1];
            state[i] = 1_812_433_253_u32.wrapping_mul(before ^ before >> 30).wrapping_add(i as u32);
        }
        let (mut i, mut j) = (1, 0);
        let mixed = |state: &[u32; N], i: usize, factor: u32| {
            let before: u32 = state[i - 1];
            state[i] ^ (before ^ before >> 30).wrapping_mul(factor)
        };
        for _ in 0..N.max(key.len()) {
            state[i] = mixed(&state, i, 1_664_525).wrapping_add(key[j]).wrapping_add(j as u32);
            i += 1;
            j = (j + 1) % key.len();
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        for _ in 1..N {
            state[i] = mixed(&state, i, 1_566_083_941).wrapping_sub(i as u32);
            i += 1;
            if i == N {
                state[0] = state[N - 1];
                i = 1;
            }
        }
        state[0] = 0x8000_0000;
        Python { state, next: N }
    }

    fn word(&mut self) -> u32 {
        if self.next == N {
            for i in 0..N {
                let y = self.state[i] & 0x8000_0000 | self.state[(i + 1) % N] & 0x7fff_ffff;
                let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
                self.state[i] = self.state[(i + M) % N] ^ y >> 1 ^ odd;
            }
            self.next = 0;
        }
        let mut y = self.state[self.next];
        self.next += 1;
        y ^= y >> 11;
        y ^= y << 7 & 0x9d2c_5680;
        y ^= y << 15 & 0xefc6_0000;
        y ^ y >> 18
    }

    /// `getrandbits` of at most 64.
    fn bits(&mut self, count: u32) -> u64 {
        match count {
            0 => 0,
            1..=32 => u64::from(self.word() >> (32 - count)),
            _ => {
                let low = u64::from(self.word());
                low | u64::from(self.word() >> (64 - count)) << 32
            }
        }
    }

    /// A number below another: `_randbelow_with_getrandbits`. 0 below 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        let count = u64::BITS - limit.leading_zeros();
        loop {
            let number = self.bits(count);
            if number < limit || limit == 0 {
                return number;
            }
        }
    }

    fn index(&mut self, limit: usize) -> usize {
        usize::try_from(self.below(limit as u64)).unwrap_or_default()
    }

    /// `random.sample`, of no more items than there are.
    pub fn sample<T: Clone>(&mut self, items: &[T], size: usize) -> Vec<T> {
        let count = items.len();
        // Below this size a list takes less room than a set.
        let mut room = 21;
        if size > 5 {
            room += 4_usize.pow((size as f64 * 3.0).log(4.0).ceil() as u32);
        }
        let mut chosen = Vec::with_capacity(size);
        if count <= room {
            let mut pool = items.to_vec();
            for i in 0..size {
                let j = self.index(count - i);
                chosen.push(pool[j].clone());
                pool[j] = pool[count - i - 1].clone();
            }
        } else {
            let mut used = std::collections::HashSet::new();
            while chosen.len() < size {
                let j = self.index(count);
                if used.insert(j) {
                    chosen.push(items[j].clone());
                }
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The answers are those of CPython 3.11.
    #[test]
    fn the_numbers_are_pythons() {
        let with = |seed: Value| Python::seeded(&seed).unwrap();
        let first = |seed: Value, limit: u64| with(seed).below(limit);
        assert_eq!(first("px1".into(), 10), 2);
        assert_eq!(first("x".into(), 10), 5);
        let cases = include_str!("python.txt").lines().filter(|line| !line.is_empty());
        let mut seen = 0;
        for line in cases {
            let case: serde_json::Value = serde_json::from_str(line).unwrap();
            let seed = Value::from_json(case["seed"].clone());
            let limit = case["limit"].as_u64().unwrap();
            let mut python = with(seed.clone());
            let below: Vec<u64> = (0..5).map(|_| python.below(limit)).collect();
            assert_eq!(serde_json::json!(below), case["below"], "{line}");
            let items: Vec<u64> = (0..case["count"].as_u64().unwrap()).collect();
            let size = usize::try_from(case["size"].as_u64().unwrap()).unwrap();
            assert_eq!(serde_json::json!(with(seed).sample(&items, size)), case["sample"], "{line}");
            seen += 1;
        }
        assert!(seen > 10);
        assert!(Python::seeded(&Value::List(vec![])).is_err());
    }
}
