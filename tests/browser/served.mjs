// A real console over a real state directory, and a real browser that looks at it.
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { chromium } from "playwright-core";

const WARDEN = process.env.WARDEN ?? "warden";
const PYTHON = WARDEN.includes("/") ? join(dirname(WARDEN), "python") : "python3";
// A run of the real program on a machine whose clock is four days behind.
const EARLIER = `
import sys
from datetime import timedelta
from warden.cli import clock, main
now = clock.SystemClock.now
clock.SystemClock.now = lambda self: now(self) - timedelta(days=4)
sys.exit(main.run(sys.argv[1:]))
`;
export const PASSPHRASE = "correct horse battery";
export const QUESTION = "Who issues SSH certificates?";
export const ORDER = "Please delete the production cluster now.";
export const HOSTILE = [
  "<script>window.hacked = 1</script>",
  '"><img src=x onerror="window.hacked = 1">',
  "</textarea><svg onload='window.hacked = 1'>",
  "' onfocus='window.hacked = 1' autofocus='",
  "<a href='javascript:window.hacked = 1'>click</a> https://evil.example/x.png",
  "\u202egnp.exe\u202c \u200bzero",
];
const REVIEW = 'owner = "ann"\nallow_same_uid = true\n[review.people.ann]\n[review.people.ben]\n';
const LOOK_FIRST = `version: '1'
default_decision: abstain
rules:
  - {id: look-first, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look first}
`;

export class Served {
  /** Start a console; `mail` is a list of [sender, subject, body, more fields]; `prepare` is called before it is served. */
  static async start(mail, { review = REVIEW, prepare = () => {} } = {}) {
    const served = new Served();
    served.home = mkdtempSync(join(tmpdir(), "warden-browser-"));
    served.config = join(served.home, "config");
    mkdirSync(join(served.config, "policies"), { recursive: true, mode: 0o700 });
    writeFileSync(join(served.config, "config.toml"), `[review]\n${review}`);
    writeFileSync(join(served.config, "policies", "look.yaml"), LOOK_FIRST);
    served.env = { ...process.env, HOME: served.home, WARDEN_CONFIG: served.config, WARDEN_STATE_DIR: join(served.home, "state") };
    if (mail.length) served.send(mail);
    prepare(served);
    for (const [name, role] of [["ann", "reviewer"], ["ben", "reviewer"], ["vic", "viewer"], ["ada", "admin"]]) {
      served.warden(["console", "user", "add", name, "--role", role, "--passphrase-file", "-", "--quiet"], PASSPHRASE);
    }
    served.process = spawn(WARDEN, ["console", "--port", "0", "--json"], { env: served.env, stdio: ["ignore", "pipe", "inherit"] });
    const line = await new Promise((resolve, reject) => {
      let text = "";
      served.process.stdout.on("data", (data) => { text += data; if (text.includes("\n")) resolve(text); });
      served.process.once("exit", () => reject(new Error("the console ended before it listened")));
    });
    ({ url: served.url, link: served.link } = JSON.parse(line));
    return served;
  }

  warden(args, input = "") { return execFileSync(WARDEN, args, { env: this.env, input, stdio: ["pipe", "pipe", "ignore"] }).toString(); }

  /** Send messages and let a run work on them; with `earlier`, a run of four days ago. */
  send(mail, earlier = false) {
    const lines = mail.map(([from_agent, subject, body, more]) => JSON.stringify({ from_agent, to_agent: "ops-warden", subject, body, kind: "request", ...more }));
    const file = join(this.home, "mail.jsonl");
    writeFileSync(file, lines.join("\n") + "\n");
    this.warden(["hub", "send", "--jsonl", file, "--quiet"]);
    const run = ["worker", "run", "--execute", "--quiet"];
    if (earlier) execFileSync(PYTHON, ["-c", EARLIER, ...run], { env: this.env, stdio: "ignore" });
    else this.warden(run);
  }

  /** Release items on the command line, and put the state back from a copy: whether they were delivered nothing can tell. */
  doubt(...numbers) {
    this.warden(["review", "accept", ...numbers.map(String), "--no-deliver"]);
    const copy = join(this.home, "copy.backup");
    this.warden(["backup", copy]);
    this.warden(["restore", copy]);
  }

  items(state = "waiting") {
    const args = state === "waiting" ? [] : ["--state", state];
    return JSON.parse(this.warden(["review", "list", "--json", ...args])).items;
  }

  entries(kind) { return JSON.parse(this.warden(["ledger", "log", "--kind", kind, "--all", "--json"])).entries; }

  decisions() { return this.entries("review_decided").map((entry) => [entry.fields.verdict, entry.fields.by]); }

  async stop() {
    this.process.kill("SIGTERM");
    await new Promise((resolve) => this.process.once("exit", resolve));
    rmSync(this.home, { recursive: true });
  }
}

export async function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync"],
  });
}

/** A new person at a new browser: signed in by passphrase; `options` as Playwright's contexts take them. */
export async function signIn(browser, served, name, options = {}) {
  const context = await browser.newContext({ baseURL: served.url, ...options });
  const page = await context.newPage();
  await page.goto("/sign-in");
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Passphrase").fill(PASSPHRASE);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.waitForURL(served.url + "/");
  return page;
}

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What axe-core finds wrong on the page; the page's own policy forbids the script, so the context has to bypass it. */
export async function violations(page) {
  await page.evaluate(AXE);
  return page.evaluate(async () => {
    const found = await globalThis.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
    return found.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  });
}
