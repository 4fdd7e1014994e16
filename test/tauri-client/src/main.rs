//! An installed app without a window: reads what it is and what to do from standard input, lets the real updater plugin
//! do it, and prints what happened as one line of JSON.

use std::{
    error::Error,
    fmt::Debug,
    io::Read,
    time::{Duration, Instant},
};

use serde_json::{json, Map, Value};
use tauri::test::{mock_builder, mock_context, noop_assets, MockRuntime};
use tauri_plugin_updater::{Update, UpdaterExt};

type Failure = Box<dyn Error>;

fn main() -> Result<(), Failure> {
    let mut input = String::new();
    std::io::stdin().read_to_string(&mut input)?;
    let request: Value = serde_json::from_str(&input)?;
    let app = app(&request)?;

    let mut report = Map::new();
    if let Err(error) = tauri::async_runtime::block_on(run(&app, &request, &mut report)) {
        report.insert("error".into(), json!(kind(&error)));
        report.insert("message".into(), json!(error.to_string()));
    }
    println!("{}", Value::from(report));
    Ok(())
}

/// The app as its configuration makes it: `version` and `plugins.updater` of a `tauri.conf.json`.
fn app(request: &Value) -> Result<tauri::App<MockRuntime>, Failure> {
    let mut context = mock_context(noop_assets());
    context.package_info_mut().version = text(request, "version")?.parse()?;
    context
        .config_mut()
        .plugins
        .0
        .insert("updater".into(), request["updater"].clone());

    let mut plugin = tauri_plugin_updater::Builder::new();
    if let Some(target) = request["target"].as_str() {
        plugin = plugin.target(target);
    }
    Ok(mock_builder().plugin(plugin.build()).build(context)?)
}

/// Goes as far as `until` says: `check`, `download` (which verifies) or `install`. What was reached is in the report.
async fn run(
    app: &tauri::App<MockRuntime>,
    request: &Value,
    report: &mut Map<String, Value>,
) -> tauri_plugin_updater::Result<()> {
    let until = request["until"].as_str().unwrap_or("check");
    let mut builder = app.updater_builder();
    if let Some(headers) = request["headers"].as_object() {
        for (name, value) in headers {
            builder = builder.header(name.as_str(), value.as_str().unwrap_or_default())?;
        }
    }

    let timeout = request["timeoutMs"].as_u64();
    if let Some(timeout) = timeout {
        builder = builder.timeout(Duration::from_millis(timeout));
    }

    let start = Instant::now();
    let checked = builder.build()?.check().await;
    if timeout.is_some() {
        report.insert("checkMs".into(), json!(start.elapsed().as_millis() as u64));
    }
    let Some(update) = checked? else {
        report.insert("update".into(), Value::Null);
        return Ok(());
    };
    report.insert("update".into(), announced(&update));
    if until == "check" {
        return Ok(());
    }

    let bytes = update.download(|_, _| {}, || {}).await?;
    report.insert("verified".into(), json!(true));
    report.insert("size".into(), json!(bytes.len()));
    if until == "download" {
        return Ok(());
    }

    update.install(bytes)?;
    report.insert("installed".into(), json!(true));
    Ok(())
}

fn announced(update: &Update) -> Value {
    json!({
        "version": update.version,
        "currentVersion": update.current_version,
        "notes": update.body,
        "date": update.date.map(|date| date.unix_timestamp()),
        "url": update.download_url.as_str(),
        "signature": update.signature,
        "rawJson": raw_json(update),
    })
}

#[cfg(feature = "raw-json")]
fn raw_json(update: &Update) -> Value {
    update.raw_json.clone()
}

/// Plugin 2.0 gives apps no more than the fields it knows.
#[cfg(not(feature = "raw-json"))]
fn raw_json(_update: &Update) -> Value {
    Value::Null
}

/// `ReleaseNotFound` of `ReleaseNotFound`, `Minisign` of `Minisign(InvalidSignature)`: kinds stay, texts change.
fn kind(error: &impl Debug) -> String {
    let text = format!("{error:?}");
    text.split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_owned()
}

fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str, Failure> {
    request[name]
        .as_str()
        .ok_or_else(|| format!("`{name}` is missing").into())
}
