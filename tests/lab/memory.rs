//! Resident memory and open files of a proxy over its life.

use std::fmt;
use std::fs;

use crate::Proxy;

/// Samples, in the order in which they were taken.
#[derive(Debug, Default)]
pub struct Memory {
    samples: Vec<(&'static str, u64, usize)>,
}

impl Memory {
    /// Takes a sample. The one named `warm` is what later ones are held against.
    pub fn sample(&mut self, when: &'static str, proxy: &mut Proxy) {
        let files =
            proxy.process().pid().and_then(|pid| Some(fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count()));
        if let Some((rss, files)) = proxy.rss().zip(files) {
            self.samples.push((when, rss, files));
        }
    }

    /// What has grown; nothing if all is well.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let (warm, most) = self.growth();
        // An allocator keeps some of what many threads have used once; what leaks grows with the jobs.
        if most > warm + warm / 4 + 8 * 1024 {
            wrong.push(format!("memory grew from {warm} to {most} kB"));
        }
        let files = self.samples.iter().map(|(.., files)| *files);
        if files.clone().max() > files.min().map(|n| n + 24) {
            wrong.push("open files grow".to_owned());
        }
        wrong
    }

    /// Resident memory in kB when warm, and the most there was after.
    fn growth(&self) -> (u64, u64) {
        let mut after = self.samples.iter().skip_while(|(when, ..)| *when != "warm").map(|(_, rss, _)| *rss);
        let warm = after.next().unwrap_or_default();
        (warm, after.max().unwrap_or(warm))
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (warm, most) = self.growth();
        writeln!(f, "resident {warm} kB when warm, {most} kB at most after; samples with open files:")?;
        for (when, rss, files) in &self.samples {
            writeln!(f, "    {rss:6} kB  {files:3} files  {when}")?;
        }
        Ok(())
    }
}
