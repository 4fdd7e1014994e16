#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

use std::time::Duration;

use tauri::{AppHandle, Emitter};
use tauri_plugin_updater::UpdaterExt;

/// Without it a server that hangs keeps the app from asking its next endpoint.
const TIMEOUT: Duration = Duration::from_secs(30);

fn main() {
    tauri::Builder::default()
        .plugin(tauri_plugin_updater::Builder::new().build())
        .invoke_handler(tauri::generate_handler![version, update])
        .run(tauri::generate_context!())
        .expect("the app could not start");
}

#[tauri::command]
fn version(app: AppHandle) -> String {
    app.package_info().version.to_string()
}

/// Asks the endpoint once. An update is downloaded, verified and installed; then the app starts again as the new version.
#[tauri::command]
async fn update(app: AppHandle) -> Result<(), String> {
    match install_update(&app).await {
        Ok(true) => app.restart(),
        Ok(false) => {
            tell(&app, "This is the newest version.".into());
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}

async fn install_update(app: &AppHandle) -> tauri_plugin_updater::Result<bool> {
    let updater = app.updater_builder().timeout(TIMEOUT).build()?;
    let Some(update) = updater.check().await? else {
        return Ok(false);
    };
    tell(app, format!("Installing {}…", update.version));
    update.download_and_install(|_, _| {}, || {}).await?;
    Ok(true)
}

/// To the window, and for whoever started the app from a terminal.
fn tell(app: &AppHandle, status: String) {
    println!("{} {status}", app.package_info().version);
    let _ = app.emit("status", status);
}
