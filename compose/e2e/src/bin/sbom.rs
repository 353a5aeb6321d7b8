//! Prints the bill of materials: `./dev sbom`.

use std::io::Write as _;

fn main() -> anyhow::Result<()> {
    let bill = serde_json::to_string_pretty(&e2e::sbom::bill()?)?;
    writeln!(std::io::stdout(), "{bill}")?;
    Ok(())
}
