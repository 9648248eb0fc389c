//! `--dry-run`: the plan, as a table or as JSON.

use std::fmt::Write as _;

use serde_json::json;

use crate::cli::{Failure, Result, render};
use crate::exit;
use crate::validate::{Feasibility, Plan, PlannedCell};

/// One line for each cell, or two where they are wider than `width`; `selected`: the cells of all shards.
pub fn text(plan: &Plan, selected: usize, width: Option<usize>) -> String {
    let rows: Vec<[String; 4]> = plan.cells.iter().map(row).collect();
    let widest = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let [a, b, c, d] = [0, 1, 2, 3].map(widest);
    let fits = width.is_none_or(|width| a + b + c + d + 6 <= width);
    let mut out = String::new();
    for [cell, kernel, what, rest] in &rows {
        let line = match fits {
            true => format!("{cell:a$}  {kernel:b$}  {what:c$}  {rest}"),
            false => {
                let rest = render::hanging(&format!("  {rest}"), 2, width);
                format!("{cell:a$}  {kernel:b$}  {what}\n{rest}")
            }
        };
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let tried = plan
        .cells
        .iter()
        .filter(|cell| cell.verdict == Feasibility::Try)
        .count();
    let _ = match plan.shard {
        Some(shard) => writeln!(
            out,
            "shard {shard}: {tried} of {} cells would be tried; {selected} {} selected",
            plan.cells.len(),
            if selected == 1 { "is" } else { "are" }
        ),
        None => writeln!(out, "{tried} of {} cells would be tried", plan.cells.len()),
    };
    out
}

/// That a share has nothing to try, where others have.
pub fn empty(plan: &Plan) -> String {
    let shard = plan.shard.map_or_else(String::new, |it| it.to_string());
    format!("shard {shard} has no cell to try: those that can be tried are in the other shards")
}

fn row(cell: &PlannedCell) -> [String; 4] {
    let (what, rest) = match (&cell.verdict, &cell.toolchain) {
        (Feasibility::Unsupported(why), _) => ("unsupported".to_owned(), why.clone()),
        (Feasibility::NoToolchain(why), _) => ("no toolchain".to_owned(), why.clone()),
        (Feasibility::NoBoard(why), _) => ("no board".to_owned(), why.clone()),
        (Feasibility::Try, toolchain) => {
            let stages: Vec<&str> = cell.stages.iter().map(|stage| stage.as_str()).collect();
            let board = cell
                .board
                .as_ref()
                .map_or("no board".to_owned(), ToString::to_string);
            let id = toolchain
                .as_ref()
                .map_or(String::new(), |toolchain| toolchain.id.clone());
            (id, format!("{board}: {}", stages.join(" → ")))
        }
    };
    let kernel = cell
        .kernel
        .as_ref()
        .map_or("-".to_owned(), ToString::to_string);
    [cell.cell.to_string(), kernel, what, rest]
}

/// The same for programs.
pub fn json(plan: &Plan) -> Result<String> {
    let cells: Vec<_> = plan
        .cells
        .iter()
        .map(|cell| {
            let (verdict, reason) = match &cell.verdict {
                Feasibility::Try => ("try", None),
                Feasibility::Unsupported(why) => ("unsupported", Some(why)),
                Feasibility::NoToolchain(why) => ("no-toolchain", Some(why)),
                Feasibility::NoBoard(why) => ("no-board", Some(why)),
            };
            json!({
                "id": cell.cell.to_string(),
                "era": cell.cell.era,
                "arch": cell.cell.arch,
                "kernel": cell.kernel,
                "profile": cell.profile,
                "board": cell.board,
                "toolchain": cell.toolchain,
                "stages": cell.stages,
                "verdict": verdict,
                "reason": reason,
                "reasons": cell.reasons,
                "basis": cell.basis,
            })
        })
        .collect();
    let mut plan_json = json!({ "schema_version": 1, "cells": cells });
    if let Some(shard) = plan.shard {
        plan_json["shard"] = json!(shard);
    }
    let text = crate::text::json_pretty(&plan_json)
        .map_err(|error| Failure::message(exit::IO, error.to_string(), None))?;
    Ok(text + "\n")
}
