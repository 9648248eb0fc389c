//! A constraint speaks of a tool that kflake does not know.

use super::{Lint, Run, Sink};
use crate::catalog::{Level, codes};
use crate::catalog::{Aspect, Tool, Window};

pub(super) static LINT: Lint = Lint {
    code: codes::UNKNOWN_TOOL,
    name: "unknown-tool",
    level: Level::Error,
    summary: "A constraint speaks of a tool that kflake does not know.",
    explanation: "The resolver judges gcc, binutils, LLVM, libcs and tags of the compiler; other tools are listed for the machine that builds. A tool that is neither would be judged by nobody. Properties of gcc and binutils are tags too: `gcc-target-abi` with `{\"property\": \"elfv1\"}`.",
    run: Run::OnCatalog(run),
};

fn run(sink: &mut Sink<'_>) {
    let catalog = sink.catalog;
    for (id, it) in &catalog.constraints {
        if !it.tool.is_known() {
            let known: Vec<&str> = Tool::known().collect();
            let message = format!("kflake knows no tool called {:?}", it.tool.0);
            sink.add_with_help("constraints.json", &[id.as_str(), "tool"], &message, &format!("it is one of {}", known.join(", ")));
        }
        let is_version = !matches!(it.window, Window::Property(_));
        if it.tool.aspect() == Some(Aspect::Property) && is_version {
            sink.add("constraints.json", &[id.as_str(), "window"], "a tag is there or not: its window is a property");
        }
    }
}
