//! What does the service cost: each kind of request, a start, and its memory? One table, with
//! another build beside this one.
//!
//! ```sh
//! cargo bench --bench serving
//! OLD=/path/to/another/widgetd cargo bench --bench serving
//! ```
//!
//! It needs `wrk`. Each build serves from a temporary folder with the same 1,000 widgets and 1,000
//! tasks, on 127.0.0.1 and without rate limits. Each row loads the builds in turns. It shows the
//! median of the rounds, the least and the most, and the processor time that the service took for a
//! request, user and system. A ratio is the median of the ratios of the rounds. Reading a widget has
//! a Rocket route beside it that does nothing but send the same bytes.
//!
//! In the environment: `OLD` is another build to compare with, `NEW` a build to measure instead of
//! the one just built, `SECONDS` how long each load lasts (3), `ROUNDS` how often the builds take
//! turns (5). `ONLY` runs the rows whose name contains it. Columns of processor time and the rows of
//! memory need Linux. The bare route is compiled with the bench, so `NEW` compares with it only if it
//! has the same profile.
//!
//! A request that fails ends the bench. Otherwise it measures, and judges nothing: the figures belong
//! in a note, with the machine's name.

#![allow(clippy::expect_used, reason = "a bench that cannot go on says so and ends")]

#[path = "../tests/support/feed.rs"]
mod feed;
#[path = "serving/load.rs"]
mod load;
#[path = "serving/rows.rs"]
mod rows;
#[path = "serving/service.rs"]
mod service;
#[path = "serving/table.rs"]
mod table;

use service::Program;
use table::Table;

fn main() {
    // Cargo passes `--bench`; the bare server is this program once more.
    if let Some(body) = std::env::args().skip_while(|arg| arg != "--bare").nth(1) {
        serve_bare(body);
        return;
    }
    let named = |name| std::env::var_os(name).filter(|path| !path.is_empty());
    let old = named("OLD").map(|path| Program::new("old", &path));
    let new = named("NEW").unwrap_or_else(|| env!("CARGO_BIN_EXE_widgetd").into());
    let programs: Vec<Program> = old.into_iter().chain([Program::new("new", &new)]).collect();
    for program in &programs {
        println!("{}: {}", program.label, program.version());
    }
    let cores = std::thread::available_parallelism().expect("the number of cores");
    println!("rounds: {}, seconds: {}, cores: {cores}", rounds(), seconds());
    println!("The number after the name of a load is how many connections it has.\n");

    programs.iter().for_each(Program::fill);
    let table = Table::new(std::env::var("ONLY").unwrap_or_default());
    rows::all(&table, &programs);
}

fn rounds() -> u32 {
    setting("ROUNDS", 5)
}

fn seconds() -> u32 {
    setting("SECONDS", 3)
}

/// A number from the environment, at least 1.
fn setting(name: &str, default: u32) -> u32 {
    std::env::var(name).map_or(default, |text| {
        let number = text.parse().ok().filter(|number| *number > 0);
        number.unwrap_or_else(|| panic!("{name}={text} is not a number above 0"))
    })
}

/// A Rocket instance configured as the service's is, with one route and no work.
fn serve_bare(body: String) {
    let config = widgetd::config::Config::load(&widgetd::config::Overrides::default())
        .expect("the settings");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers)
        .enable_all()
        .build()
        .expect("a runtime");
    let figment = config.figment.merge(("log_level", "off"));
    let rocket = rocket::custom(figment).manage(body).mount("/", rocket::routes![bare]);
    runtime.block_on(rocket.launch()).expect("it serves");
}

#[rocket::get("/")]
fn bare(body: &rocket::State<String>) -> rocket::response::content::RawJson<&str> {
    rocket::response::content::RawJson(body)
}
