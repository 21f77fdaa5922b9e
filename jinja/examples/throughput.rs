//! Renders a template file some times and prints seconds and bytes: `throughput FILE TIMES`. Its partner `throughput.py` does the
//! same with Jinja2 and prints the ratio.

use std::time::Instant;

use jinja::{Environment, Settings, UndefinedKind, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let source = std::fs::read_to_string(args.next().ok_or("a file is missing")?)?;
    let times: usize = args.next().ok_or("a number is missing")?.parse()?;
    let settings = Settings { undefined: UndefinedKind::Strict, ..Settings::default() };
    let env = Environment::new(settings);
    let hosts = (0..50i64)
        .map(|n| Value::dict([("name", Value::from(format!("host{n}"))), ("cpus", Value::from(n % 8))]));
    let given = [("hosts", Value::list(hosts.collect())), ("domain", Value::from("example.com"))];
    let begun = Instant::now();
    let mut bytes = 0;
    for _ in 0..times {
        // Read each time, as an SLS file is.
        bytes += env.template(None, &source)?.render(&env, &given)?.len();
    }
    println!("{} {bytes}", begun.elapsed().as_secs_f64());
    Ok(())
}
