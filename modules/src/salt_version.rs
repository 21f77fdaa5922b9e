//! Salt's releases by their code names, the chemical elements.
//!
//! Facts: `salt/modules/salt_version.py` and `salt/version.py` of Salt 3007.17.

use std::cmp::Ordering;

use salt::{Context, Error, Result, SALT_VERSION, Value, functions, salt_fn};
use tracing::info;

functions![equal, get_release_number, greater_than, less_than];

/// The names of the releases whose number has year and month.
const DATED: [(&str, [u32; 2]); 9] = [
    ("hydrogen", [2014, 1]),
    ("helium", [2014, 7]),
    ("lithium", [2015, 5]),
    ("beryllium", [2015, 8]),
    ("boron", [2016, 3]),
    ("carbon", [2016, 11]),
    ("nitrogen", [2017, 7]),
    ("oxygen", [2018, 3]),
    ("fluorine", [2019, 2]),
];

/// The names from the release 3000 on, in order.
const NUMBERED: &str = "neon sodium magnesium aluminium silicon phosphorus sulfur chlorine argon potassium calcium \
    scandium titanium vanadium chromium manganese iron cobalt nickel copper zinc gallium germanium arsenic selenium \
    bromine krypton rubidium strontium yttrium zirconium niobium molybdenum technetium ruthenium rhodium palladium \
    silver cadmium indium tin antimony tellurium iodine xenon cesium barium lanthanum cerium praseodymium neodymium \
    promethium samarium europium gadolinium terbium dysprosium holmium erbium thulium ytterbium lutetium hafnium \
    tantalum tungsten rhenium osmium iridium platinum gold mercury thallium lead bismuth polonium astatine radon \
    francium radium actinium thorium protactinium uranium neptunium plutonium americium curium berkelium californium \
    einsteinium fermium mendelevium nobelium lawrencium rutherfordium dubnium seaborgium bohrium hassium meitnerium \
    darmstadtium roentgenium copernicium nihonium flerovium moscovium livermorium tennessine oganesson";

/// Gives the number of a release, or `None` for a name that is none.
///
/// CLI Example:
///
/// ```bash
/// salt '*' salt_version.get_release_number 'Oxygen'
/// ```
#[salt_fn]
async fn get_release_number(
    _cx: &Context,
    /// The code name.
    name: Value,
) -> Result<Option<String>> {
    let number = number(&name)?;
    Ok(number.map(|number| number.iter().map(u32::to_string).collect::<Vec<_>>().join(".")))
}

/// Says whether the release that the minion behaves as has this name.
///
/// CLI Example:
///
/// ```bash
/// salt '*' salt_version.equal 'Oxygen'
/// ```
#[salt_fn]
async fn equal(
    _cx: &Context,
    /// The code name.
    name: Value,
) -> Result<bool> {
    Ok(compared(&name)? == Some(Ordering::Equal))
}

/// Says whether the release that the minion behaves as is a later one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' salt_version.greater_than 'Oxygen'
/// ```
#[salt_fn]
async fn greater_than(
    _cx: &Context,
    /// The code name.
    name: Value,
) -> Result<bool> {
    Ok(compared(&name)? == Some(Ordering::Greater))
}

/// Says whether the release that the minion behaves as is an earlier one.
///
/// CLI Example:
///
/// ```bash
/// salt '*' salt_version.less_than 'Oxygen'
/// ```
#[salt_fn]
async fn less_than(
    _cx: &Context,
    /// The code name.
    name: Value,
) -> Result<bool> {
    Ok(compared(&name)? == Some(Ordering::Less))
}

fn number(name: &Value) -> Result<Option<Vec<u32>>> {
    let Some(name) = name.as_str() else { return Err(Error::execution("'name' argument must be a string")) };
    let name = name.to_lowercase();
    let dated = DATED.iter().find(|(known, _)| *known == name).map(|(_, number)| number.to_vec());
    let numbered = || (3000..).zip(NUMBERED.split_whitespace()).find(|(_, known)| *known == name);
    let found = dated.or_else(|| numbered().map(|(number, _)| vec![number]));
    if found.is_none() {
        info!("Version {name} not found.");
    }
    Ok(found)
}

/// How the minion's release compares; its last part, the patch, does not count.
fn compared(name: &Value) -> Result<Option<Ordering>> {
    let whole = SALT_VERSION.rsplit_once('.').map_or(SALT_VERSION, |(release, _)| release);
    let own: Vec<u32> = whole.split('.').filter_map(|part| part.parse().ok()).collect();
    Ok(number(name)?.map(|number| own.cmp(&number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers are those of `SaltStackVersion.LNAMES`.
    #[test]
    fn names_have_their_numbers() {
        let of = |name: &str| number(&name.into()).unwrap();
        assert_eq!(of("Hydrogen"), Some(vec![2014, 1]));
        assert_eq!(of("neon"), Some(vec![3000]));
        assert_eq!(of("Sulfur"), Some(vec![3006]));
        assert_eq!(of("Argon"), Some(vec![3008]));
        assert_eq!(of("Oganesson"), Some(vec![3108]));
        assert_eq!(of("Kryptonite"), None);
        assert!(number(&Value::Int(3)).is_err());
        assert_eq!(compared(&"oxygen".into()), Ok(Some(Ordering::Greater)));
        assert_eq!(compared(&"Chlorine".into()), Ok(Some(Ordering::Equal)));
    }
}
