//! An installed app of Velopack: `velopack-client FOLDER FEED` checks, downloads and verifies as the app in that folder would.

use std::path::PathBuf;
use velopack::{UpdateCheck, UpdateManager, locator::VelopackLocatorConfig, sources::HttpSource};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let [folder, feed] = std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("FOLDER FEED");
    let root = PathBuf::from(folder);
    let locator = VelopackLocatorConfig {
        UpdateExePath: root.join("UpdateNix"),
        PackagesDir: root.join("packages"),
        ManifestPath: root.join("sq.version"),
        CurrentBinaryDir: root.join("bin"),
        RootAppDir: root,
        IsPortable: true,
    };
    let manager = UpdateManager::new(HttpSource::new(feed), None, Some(locator))?;
    match manager.check_for_updates()? {
        UpdateCheck::RemoteIsEmpty => println!("empty"),
        UpdateCheck::NoUpdateAvailable => println!("up to date"),
        UpdateCheck::UpdateAvailable(update) => {
            manager.download_updates(&update, None)?;
            let target = &update.TargetFullRelease;
            println!("{} {} {}", target.PackageId, target.Version, target.FileName);
        }
    }
    Ok(())
}
