// The HTML report in a real browser, opened from disk as a reader would.
// KFLAKE and CHROMIUM name the two programs; `make test-browser` builds the first and finds the second.
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fileURLToPath, pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "..", "..");
const kflake = process.env.KFLAKE || join(root, "target", "debug", "kflake");
const executablePath = process.env.CHROMIUM || ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
const samples = join(root, "tests", "data", "reports");
const axe = readFileSync(join(here, "node_modules", "axe-core", "axe.min.js"), "utf8");

let browser;
let dir;
let pages = 0;

/** Renders a report to a page on disk; returns its address. */
const page = (name, ...options) => {
  const input = existsSync(name) ? name : join(samples, `${name}.json`);
  const output = join(dir, `${(pages += 1)}.html`);
  const result = spawnSync(kflake, ["report", input, "--format", "html", "--output", output, ...options], { encoding: "utf8" });
  assert.ok(result.status === 0 || (options.includes("--against") && result.status === 1), result.stderr);
  return pathToFileURL(output).href;
};

/** Opens a page and hands it to `act`; fails on any message, error or request beyond the file itself. */
const visit = async (url, options, act) => {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, ...options });
  try {
    const tab = await context.newPage();
    const complaints = [];
    tab.on("console", (message) => complaints.push(`console: ${message.text()}`));
    tab.on("pageerror", (error) => complaints.push(`error: ${error.message}`));
    tab.on("dialog", (dialog) => { complaints.push(`dialog: ${dialog.message()}`); dialog.dismiss(); });
    tab.on("request", (request) => { if (request.url().split("#")[0] !== url.split("#")[0]) complaints.push(`request: ${request.url()}`); });
    await tab.goto(url);
    await act(tab, context);
    assert.deepEqual(complaints, []);
  } finally {
    await context.close();
  }
};

before(async () => {
  assert.ok(executablePath, "Chromium is needed: apt-get install chromium, or set CHROMIUM");
  execFileSync(kflake, ["--version"]);
  dir = mkdtempSync(join(tmpdir(), "kflake-browser-"));
  browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
});

after(async () => {
  await browser?.close();
  if (dir) rmSync(dir, { recursive: true });
});

test("opens from disk as a table with headers", async () => {
  await visit(page("sixty"), {}, async (tab) => {
    assert.match(await tab.title(), /Kernel coverage, 2026-11-20/);
    assert.equal(await tab.locator(".matrix tbody a.cell").count(), 60);
    assert.deepEqual(await tab.locator(".matrix tbody th").evaluateAll((all) => [...new Set(all.map((th) => th.scope))]), ["row"]);
    assert.deepEqual(await tab.locator(".matrix thead th").evaluateAll((all) => [...new Set(all.map((th) => th.scope))].sort()), ["col", "colgroup"]);
    assert.equal(await tab.getByRole("rowheader", { name: "loongarch64" }).count(), 1);
    assert.equal(await tab.getByRole("link", { name: "k4-mipsel 5.10.229: kernel passed, then failed" }).count(), 1);
  });
});

test("filters by outcome, source, gcc and text, and says how many are left", async () => {
  await visit(page("sixty"), {}, async (tab) => {
    const said = async (text) => tab.locator(".count", { hasText: text }).waitFor({ timeout: 2000 });
    const lit = () => tab.locator("td:not(.off) > a.cell:visible").count();
    assert.equal(await tab.locator(".count").getAttribute("aria-live"), "polite");
    await said("60 cells");
    await tab.getByRole("checkbox", { name: "failed" }).check();
    await said("6 of 60 cells");
    assert.equal(await lit(), 6);
    assert.equal(await tab.locator(".matrix tbody tr:visible").count(), 6);
    await tab.getByRole("checkbox", { name: "timed out" }).check();
    await said("7 of 60 cells");
    await tab.getByRole("button", { name: "Clear" }).click();
    await said("60 cells");
    await tab.getByLabel("Source").selectOption("kernel-only");
    await said("10 of 60 cells");
    await tab.getByLabel("Compiler").selectOption("gcc-12");
    await said("0 of 60 cells");
    await tab.getByLabel("Source").selectOption("");
    await said("15 of 60 cells");
    await tab.getByLabel("Compiler").selectOption("");
    await tab.getByLabel("Search").fill("MIPS64 7.0");
    await said("2 of 60 cells");
    await tab.getByLabel("Search").fill("relocation-overflow");
    await said("2 of 60 cells");
    await tab.getByLabel("Search").fill("nothing like it");
    await said("0 of 60 cells");
  });
});

test("a cell opens to everything that is known about it", async () => {
  await visit(page("sixty"), {}, async (tab) => {
    const sheet = tab.getByRole("dialog");
    const cell = tab.getByRole("link", { name: "k4-mipsel 5.10.229: kernel passed, then failed" });
    await cell.click();
    await sheet.waitFor();
    assert.equal(await sheet.getByRole("heading", { level: 2 }).innerText(), "k4-mipsel 5.10.229");
    const text = await sheet.innerText();
    for (const part of [
      "debian-10.2.1-mipsel", "glibc-2.31", "2.35.2", // the toolchain
      "debian is k4's first source with a compiler for mipsel", // the resolver's reasons
      "documented", // how well that is known
      "1 min", // timings
      "kflake validate --cell k4-mipsel --kernel 5.10.229 --toolchains debian --packages debian", // to reproduce
      "relocation-overflow", "relocation truncated to fit: R_MIPS_26", // class and first error
      "make: *** [Makefile:2010: vmlinux] Error 2", // the log's tail
    ]) assert.ok(text.includes(part), `${part} in ${text}`);
    assert.equal(await sheet.getByRole("link", { name: "logs/k4-mipsel-module.log" }).count(), 1);
    assert.ok(tab.url().includes("#c"));
    await sheet.getByRole("button", { name: "Next cell" }).click();
    assert.equal(await sheet.getByRole("heading", { level: 2 }).innerText(), "k6-mipsel 6.1.192");
    await sheet.getByRole("button", { name: "Previous cell" }).click();
    await tab.keyboard.press("Escape");
    await sheet.waitFor({ state: "hidden" });
    assert.ok(await cell.evaluate((element) => element === document.activeElement), "focus returns to the cell");
    assert.ok(!tab.url().includes("#"));
  });
});

test("the keyboard is enough", async () => {
  await visit(page("sixty"), {}, async (tab) => {
    const focused = () => tab.evaluate(() => document.activeElement.getAttribute("aria-label") || document.activeElement.textContent);
    await tab.keyboard.press("Tab");
    assert.equal(await focused(), "To the matrix");
    await tab.locator("a.cell").first().focus();
    await tab.keyboard.press("ArrowDown");
    await tab.keyboard.press("ArrowRight");
    assert.match(await focused(), /^k4-armhf 5\.10\.229: boot passed/);
    await tab.keyboard.press("End");
    assert.match(await focused(), /^k7-armhf/);
    await tab.keyboard.press("Enter");
    const sheet = tab.getByRole("dialog");
    await sheet.waitFor();
    assert.ok(await sheet.evaluate((dialog) => dialog.contains(document.activeElement)), "focus moves into the panel");
    await tab.keyboard.press("Escape");
    assert.match(await focused(), /^k7-armhf/);
    // one tab stop for the whole matrix
    assert.equal(await tab.locator("a.cell[tabindex='0']").count(), 1);
    const outline = await tab.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(outline, "solid", "focus is visible");
  });
});

test("an address with a cell's name opens that cell", async () => {
  await visit(`${page("small")}#c1`, {}, async (tab) => {
    assert.equal(await tab.getByRole("dialog").getByRole("heading", { level: 2 }).innerText(), "k6-mipsel 6.1.192");
  });
});

test("hostile text shows as text", async () => {
  await visit(page("hostile"), {}, async (tab) => {
    const count = await tab.locator("a.cell").count();
    assert.equal(count, 12);
    for (let at = 0; at < count; at += 1) {
      await tab.locator("a.cell").nth(at).click();
      await tab.getByRole("dialog").waitFor();
      await tab.keyboard.press("Escape");
    }
    assert.equal(await tab.evaluate(() => window.pwned), undefined);
    assert.equal(await tab.locator("img, iframe, object, embed, link, base").count(), 0);
    assert.equal(await tab.locator("script").count(), 1);
    const links = await tab.locator("a[href]:not([href^='#'])").evaluateAll((all) => all.map((link) => link.getAttribute("href")));
    assert.deepEqual([...new Set(links)], ["logs/k6-x86_64-boot.log"], "only a plain path below the report is a link");
    await tab.locator("a.cell").first().click();
    const text = await tab.getByRole("dialog").innerText();
    for (const part of ["</script><script>window.pwned=1</script>", "<img src=x onerror=\"window.pwned=1\">", "\\u{1b}[31mred", "\\u{202e}", "\\u{0}"]) {
      assert.ok(text.includes(part), part);
    }
    assert.ok(await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "long lines wrap");
  });
});

test("a run is compared with an older one", async () => {
  await visit(page("small-later", "--against", join(samples, "small.json")), {}, async (tab) => {
    const rows = tab.locator("#changes tbody tr");
    assert.deepEqual(await rows.evaluateAll((all) => all.map((row) => row.cells[0].textContent)), ["broken", "new"]);
    assert.match(await rows.first().innerText(), /module: passed → failed\s+kernel 6\.1\.192 → 6\.1\.193/);
    await tab.getByRole("checkbox", { name: "broken" }).check();
    await tab.locator(".count", { hasText: "1 of 3 cells" }).waitFor({ timeout: 2000 });
    await rows.first().getByRole("link").click();
    assert.match(await tab.getByRole("dialog").innerText(), /broken: module passed → failed with kernel 6\.1\.192 → 6\.1\.193/);
  });
});

test("light and dark follow the system until the reader chooses", async () => {
  const ground = (tab) => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
  let light;
  await visit(page("small"), { colorScheme: "light" }, async (tab) => { light = await ground(tab); });
  await visit(page("small"), { colorScheme: "dark" }, async (tab) => {
    const dark = await ground(tab);
    assert.notEqual(dark, light);
    await tab.getByRole("button", { name: "Switch to light colours" }).click();
    assert.equal(await ground(tab), light);
    await tab.reload();
    assert.equal(await ground(tab), light, "the choice is kept");
    await tab.getByRole("button", { name: "Switch to dark colours" }).click();
    assert.equal(await ground(tab), dark);
  });
});

for (const scheme of ["light", "dark"]) {
  test(`no accessibility rule is broken (${scheme})`, async () => {
    await visit(page("sixty"), { colorScheme: scheme, bypassCSP: true }, async (tab) => {
      const check = async (what) => {
        await tab.evaluate(axe);
        const found = await tab.evaluate(() => globalThis.axe.run());
        const told = found.violations.map((rule) => `${rule.id}: ${rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ")}`);
        assert.deepEqual(told, [], what);
      };
      await check("the page");
      await tab.locator("a.cell.failed").first().click();
      await check("the panel");
    });
  });
}

for (const width of [320, 390, 768]) {
  test(`fits a screen of ${width} pixels`, async () => {
    for (const name of ["sixty", "hostile"]) {
      await visit(page(name), { viewport: { width, height: 800 } }, async (tab) => {
        const fits = () => tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
        assert.ok(await fits(), "the page does not scroll sideways");
        await tab.locator("a.cell").first().click();
        const box = await tab.getByRole("dialog").boundingBox();
        assert.ok(box.x >= 0 && box.x + box.width <= width, JSON.stringify(box));
        assert.ok(await tab.getByRole("dialog").evaluate((d) => d.scrollWidth <= d.clientWidth), "nor does the panel");
      });
    }
  });
}

test("columns are as wide as each other, and no wider than a cell is worth", async () => {
  for (const [name, width] of [["small", 1280], ["small", 1920], ["sixty", 1280], ["sixty", 1920]]) {
    await visit(page(name), { viewport: { width, height: 900 } }, async (tab) => {
      const row = tab.locator(".matrix tbody tr").first().locator("td");
      const widths = await row.evaluateAll((all) => all.map((td) => Math.round(td.getBoundingClientRect().width)));
      assert.ok(Math.max(...widths) - Math.min(...widths) <= 3, `${name}: ${widths}`);
      assert.ok(Math.max(...widths) <= 260, `${name}: ${widths}`);
      const { bottom } = await tab.locator(".legend").evaluate((e) => e.getBoundingClientRect());
      const { top } = await tab.locator(".matrix").evaluate((e) => e.getBoundingClientRect());
      assert.ok(bottom <= top && top - bottom < 60, "the legend is by the cells");
      assert.ok(!(await tab.locator(".cue").isVisible()), "nothing is out of sight");
    });
  }
});

test("a small screen says that there is more to the right", async () => {
  await visit(page("sixty"), { viewport: { width: 390, height: 844 } }, async (tab) => {
    assert.ok(await tab.locator(".cue").isVisible());
    const more = () => tab.locator(".frame").evaluate((e) => e.classList.contains("more"));
    assert.ok(await more());
    await tab.locator(".scroll").evaluate((e) => { e.scrollLeft = e.scrollWidth; });
    await tab.waitForFunction(() => !document.querySelector(".frame").classList.contains("more"));
  });
});

test("cards do not touch", async () => {
  await visit(page("sixty"), {}, async (tab) => {
    const boxes = await tab.locator("details.card").evaluateAll((all) => all.map((e) => e.getBoundingClientRect().toJSON()));
    assert.ok(boxes.length > 1);
    for (let at = 1; at < boxes.length; at += 1) assert.ok(boxes[at].top - boxes[at - 1].bottom >= 8, JSON.stringify(boxes));
  });
});

test("prints the matrix and the failures, without controls", async () => {
  await visit(page("sixty"), {}, async (tab) => {
    await tab.emulateMedia({ media: "print" });
    assert.ok(await tab.locator(".matrix").isVisible());
    assert.ok(await tab.locator("#failures").isVisible());
    for (const gone of [".filters", "#theme", ".all", ".count"]) assert.ok(!(await tab.locator(gone).first().isVisible()), gone);
  });
});

test("reads without scripts", async () => {
  await visit(page("sixty"), { javaScriptEnabled: false }, async (tab) => {
    assert.ok(!(await tab.locator(".filters").isVisible()));
    await tab.locator(".all > summary").click();
    const details = tab.locator("details#c9");
    await details.locator("summary").first().click();
    assert.ok(await details.getByText("Why this toolchain").isVisible());
  });
});

test("three hundred cells stay quick", async () => {
  const run = JSON.parse(readFileSync(join(samples, "sixty.json"), "utf8"));
  run.cells = [0, 1, 2, 3, 4].flatMap((n) => run.cells.map((cell) => ({ ...cell, kernel: `${cell.kernel.split(".").slice(0, 2).join(".")}.${n + 1}` })));
  const file = join(dir, "three-hundred.json");
  writeFileSync(file, JSON.stringify(run));
  await visit(page(file), {}, async (tab) => {
    assert.equal(await tab.locator("a.cell").count(), 300);
    await tab.getByRole("checkbox", { name: "failed" }).check();
    await tab.locator(".count", { hasText: "30 of 300 cells" }).waitFor({ timeout: 2000 });
  });
});

test("a run without cells is a page too", async () => {
  await visit(page("empty"), {}, async (tab) => {
    assert.ok(await tab.getByText("No cells.").isVisible());
    assert.ok(await tab.getByText("interrupted").isVisible());
  });
});
