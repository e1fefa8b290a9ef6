// Each test is one sentence of what a person can rely on, tried in a browser on the console that `warden console` serves.
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { HOSTILE, ORDER, QUESTION, Served, openBrowser, signIn, violations } from "./served.mjs";

const mail = (number, body = QUESTION) => Array.from({ length: number }, (_, at) => [`agent-${at}`, `question ${at}`, body]);
let browser;
before(async () => { browser = await openBrowser(); });
after(async () => { await browser.close(); });

async function withConsole(letters, work, options) {
  const served = await Served.start(letters, options);
  try { await work(served); } finally { await served.stop(); }
}
const open = (page, number) => page.goto(`/review/${number}`);
const decision = (page) => page.waitForURL(/note=/);

async function decideEach(page, served) {
  const [accept, edit, respond, ignore] = served.items().filter((item) => item.kind === "approval").map((item) => item.number);
  const [order, later] = served.items().filter((item) => item.kind === "escalation").map((item) => item.number);
  await open(page, accept);
  await page.getByRole("button", { name: "Accept and send" }).click(); await decision(page);
  await open(page, edit);
  await page.locator("#edit summary").click();
  await page.locator("#edit textarea").fill("Ask the platform team.");
  await page.locator("#edit input[name=reason]").fill("shorter");
  await page.getByRole("button", { name: "Show the changes" }).click();
  await page.locator("ins").first().waitFor();
  await page.getByRole("button", { name: "Send the edited text" }).click(); await decision(page);
  await open(page, respond);
  await page.locator("#respond summary").click();
  await page.locator("#respond textarea").fill("A person answers.");
  await page.locator("#respond").getByRole("button", { name: "Send" }).click(); await decision(page);
  await open(page, ignore);
  await page.locator("#ignore summary").click();
  await page.locator("#ignore input[name=reason]").fill("settled");
  await page.getByRole("button", { name: "End it without an answer" }).click(); await decision(page);
  await open(page, order);
  await page.getByRole("button", { name: "Take note" }).click(); await decision(page);
  await page.getByRole("button", { name: "Give back" }).click(); await decision(page);
  await page.getByLabel("Owner").selectOption("ben");
  await page.getByRole("button", { name: "Assign" }).click(); await decision(page);
  await open(page, later);
  await page.getByRole("button", { name: "Plan again" }).click(); await decision(page);
  const made = served.decisions();
  assert.deepEqual(made, ["accept", "edit", "respond", "ignore", "replan"].map((verdict) => [verdict, "console:ann"]));
}
const MIXED = [...mail(4), ["agent-8", "an order", ORDER], ["agent-9", "an order", ORDER]];

test("every decision works, and is in the ledger under the name of who signed in", async () => {
  await withConsole(MIXED, async (served) => decideEach(await signIn(browser, served, "ann"), served));
});

test("every decision works without JavaScript", async () => {
  await withConsole(MIXED, async (served) => decideEach(await signIn(browser, served, "ann", { javaScriptEnabled: false }), served));
});

test("a person with a keyboard only signs in, finds the item, and decides", async () => {
  await withConsole(mail(3), async (served) => {
    const context = await browser.newContext({ baseURL: served.url });
    const page = await context.newPage();
    await page.goto("/sign-in");
    await page.keyboard.type("ann"); await page.keyboard.press("Tab"); await page.keyboard.type("correct horse battery");
    await page.keyboard.press("Enter"); await page.waitForURL(served.url + "/");
    await page.keyboard.press("g"); await page.keyboard.press("q"); await page.waitForURL(/\/review$/);
    await page.keyboard.press("j"); await page.keyboard.press("j"); await page.keyboard.press("k"); await page.keyboard.press("o");
    await page.waitForURL(/\/review\/1$/);
    await page.keyboard.press("a"); await page.keyboard.press("Enter"); await decision(page);
    await page.keyboard.press("n"); await page.waitForURL(/\/review\/2/);
    await page.keyboard.press("i"); await page.keyboard.type("settled"); await page.keyboard.press("Enter"); await decision(page);
    await page.keyboard.press("g"); await page.keyboard.press("q"); await page.waitForURL(/\/review$/);
    await page.keyboard.press("j"); await page.keyboard.press("x");
    assert.match(await page.locator("#chosen").textContent(), /1 selected/);
    await page.keyboard.press("?");
    await page.getByRole("dialog").waitFor();
    assert.deepEqual(served.decisions(), [["accept", "console:ann"], ["ignore", "console:ann"]]);
  });
});

test("of two reviewers who race for one item one decides, and the other is told who was faster", async () => {
  await withConsole(mail(1), async (served) => {
    const [ann, ben] = [await signIn(browser, served, "ann"), await signIn(browser, served, "ben")];
    for (const page of [ann, ben]) await open(page, 1);
    const answer = (page) => page.waitForResponse((response) => response.request().method() === "POST");
    const answers = Promise.all([answer(ann), answer(ben)]);
    await Promise.all([ann, ben].map((page) => page.getByRole("button", { name: "Accept and send" }).click()));
    const statuses = (await answers).map((response) => response.status()).sort();
    assert.deepEqual(statuses, [303, 409]);
    assert.equal(served.decisions().length, 1);
  });
});

test("an item under a changed policy is stale: it is told, refused, and released after it was judged again", async () => {
  await withConsole(mail(1), async (served) => {
    const page = await signIn(browser, served, "ann");
    await open(page, 1);
    const { writeFileSync } = await import("node:fs");
    writeFileSync(join(served.config, "policies", "more.yaml"), "version: '1'\ndefault_decision: abstain\nrules:\n  - {id: too, match: {capabilities: [messaging.answer]}, decision: require_approval, reason: look too}\n");
    await page.getByRole("button", { name: "Accept and send" }).click();
    await page.getByRole("alert").waitFor();
    assert.deepEqual(served.decisions(), []);
    await page.getByRole("button", { name: "Judge again" }).click(); await decision(page);
    await open(page, served.items()[0].number);
    await page.getByRole("button", { name: "Accept and send" }).click(); await decision(page);
    assert.equal(served.decisions().length, 1);
  });
});

for (const javaScriptEnabled of [true, false]) {
  test(`a delivery in doubt is shown with what is known of it, and a person settles it ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
    await withConsole(mail(2), async (served) => {
      const page = await signIn(browser, served, "ann", { javaScriptEnabled });
      const [again, taken] = served.items().map((item) => item.number);
      await page.goto("/review");
      assert.equal(await page.getByText("deliver route_answer again?").count(), 2);
      await open(page, again);
      await page.getByRole("heading", { name: "Was this delivered? Deliver it again?" }).waitFor();
      assert.match(await page.locator("#evidence").textContent(), /put back from a copy/);
      assert.match(await page.locator("#evidence").textContent(), /written to the outbox/);
      assert.equal(await page.locator("#edit, #respond").count(), 0);
      await page.locator("#accept input[name=reason]").fill("it is not in the thread");
      await page.getByRole("button", { name: "Deliver again" }).click(); await decision(page);
      await open(page, taken);
      await page.locator("#ignore summary").click();
      await page.locator("#ignore input[name=reason]").fill("it is in the thread");
      await page.getByRole("button", { name: "It was taken: end it" }).click(); await decision(page);
      assert.deepEqual(served.decisions().slice(2), [["accept", "console:ann"], ["ignore", "console:ann"]]);
      assert.deepEqual([served.entries("dead_retried").length, served.items().length], [2, 0]); // the answer and its read mark
    }, { prepare: (served) => served.doubt(1, 2) });
  });

  test(`an approval that ran out of time is expired and nobody's denial, ${javaScriptEnabled ? "with" : "without"} JavaScript`, async () => {
    await withConsole([], async (served) => {
      const page = await signIn(browser, served, "ann", { javaScriptEnabled });
      await page.goto("/review?state=open");
      assert.equal(await page.locator("tr[data-href]").count(), 0);
      await page.goto("/review");
      assert.deepEqual(await page.locator("tr[data-href] td:last-child").allInnerTexts(), ["expired", "expired"]);
      await page.locator('input[name=item][value^="1:"]').check();
      await page.getByRole("button", { name: "Accept" }).click();
      await page.getByText("item 1 is expired: nobody decided in time").waitFor();
      await open(page, 1);
      assert.equal(await page.getByRole("button", { name: /Accept/ }).count(), 0);
      await page.getByText("nobody denied it").waitFor();
      assert.equal(await page.getByRole("link", { name: "item 3" }).count(), 1);
      await open(page, 2);
      await page.getByRole("button", { name: "Judge again and ask anew" }).click(); await decision(page);
      await page.getByRole("link", { name: "item 4" }).click();
      await page.getByRole("button", { name: "Accept and send" }).click(); await decision(page);
      await open(page, 3);
      await page.locator("#respond textarea").fill("Sorry, late.");
      await page.locator("#respond").getByRole("button", { name: "Send" }).click(); await decision(page);
      assert.deepEqual(served.decisions(), [["accept", "console:ann"], ["respond", "console:ann"]]);
      assert.deepEqual(served.entries("review_expired").map((entry) => entry.fields.item), [1]);
    }, { prepare: (served) => served.send(mail(2), true) });
  });
}

test("hostile text in every field runs nothing, loads nothing from elsewhere, and shows what it hides", async () => {
  const meta = (text) => ({ metadata: { note: text } });
  await withConsole(HOSTILE.map((text) => ["agent-1", text.slice(0, 60), `${QUESTION}\n${text}`, meta(text)]), async (served) => {
    const page = await signIn(browser, served, "ada");
    const foreign = [];
    page.on("request", (request) => { if (!request.url().startsWith(served.url)) foreign.push(request.url()); });
    page.on("dialog", () => foreign.push("a dialog"));
    for (const path of ["/", "/review", "/messages", "/ledger", ...served.items().map((item) => `/review/${item.number}`)]) {
      await page.goto(path);
      assert.equal(await page.evaluate(() => globalThis.hacked), undefined, path);
      assert.equal(await page.locator("main img, main iframe, main [onerror], main [onload], main [onfocus]").count(), 0, path);
      assert.equal(await page.locator('main a[href^="http"], main a[href^="javascript"]').count(), 0, path);
    }
    for (const text of HOSTILE) {
      const said = encodeURIComponent(text);
      for (const path of [`/review?rule=${said}`, `/review?sender=${said}&owner=${said}`, `/messages/one?hub=${said}&id=${said}`,
        `/ledger?kind=${said}`, `/policy?item=${said}`, `/review/${said}`, `/${said}`, `/review/1?note=${said}`]) {
        await page.goto(path);
        assert.equal(await page.evaluate(() => globalThis.hacked), undefined, path);
      }
      const stranger = await (await browser.newContext({ baseURL: served.url })).newPage();
      await stranger.goto("/sign-in");
      await stranger.getByLabel("Name").fill(text);
      await stranger.getByLabel("Passphrase").fill(text);
      await stranger.getByRole("button", { name: "Sign in" }).click();
      await stranger.getByRole("alert").waitFor();
      assert.equal(await stranger.evaluate(() => globalThis.hacked), undefined);
      await stranger.context().close();
      await open(page, 1);
      await page.locator("#edit summary").click();
      await page.locator("#edit textarea").fill(text);
      await page.locator("#edit input[name=reason]").fill(text);
      await page.getByRole("button", { name: "Show the changes" }).click();
      await page.locator("ins").first().waitFor();
      assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
      await page.goto("/policy");
      await page.locator("textarea").first().fill(text);
      await open(page, 1);
      await page.locator("#ignore summary").click();
      await page.locator("#respond summary").click();
      await page.locator("#respond textarea").fill(text + "\nghp_" + "aB3".repeat(12));
      await page.locator("#respond").getByRole("button", { name: "Send" }).click();
      await page.getByRole("alert").waitFor();
      assert.equal(await page.evaluate(() => globalThis.hacked), undefined);
    }
    assert.deepEqual(foreign, []);
    await open(page, served.items().at(-1).number);
    assert.ok(await page.getByText("U+202E").count() > 0);
  });
});

test("a form on another site decides nothing, though the person is signed in", async () => {
  await withConsole(mail(1), async (served) => {
    const page = await signIn(browser, served, "ann");
    const other = await page.context().newPage();
    await other.setContent(`<form method="post" action="${served.url}/review/1/accept"><input name="csrf" value="x"><button>win</button></form>`);
    await other.getByRole("button").click();
    await other.waitForLoadState();
    assert.deepEqual(served.decisions(), []);
  });
});

test("a session that was planted before signing in is worth nothing afterwards", async () => {
  await withConsole(mail(1), async (served) => {
    const context = await browser.newContext({ baseURL: served.url });
    const name = `warden_${new URL(served.url).port}`;
    await context.addCookies([{ name, value: "planted", url: served.url }]);
    const page = await context.newPage();
    await page.goto(served.link);
    await page.getByRole("button", { name: "Sign in with this link" }).click();
    await page.waitForURL(served.url + "/");
    const cookie = (await context.cookies()).find((one) => one.name === name);
    assert.notEqual(cookie.value, "planted");
    assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, "Strict"]);
    const thief = await browser.newContext({ baseURL: served.url });
    await thief.addCookies([{ name, value: "planted", url: served.url }]);
    assert.match((await (await thief.newPage()).goto("/review")).url(), /sign-in/);
    const again = await (await browser.newContext({ baseURL: served.url })).newPage();
    await again.goto(served.link);
    await again.getByRole("button", { name: "Sign in with this link" }).click();
    assert.match(await again.getByRole("alert").textContent(), /was used/);
  });
});

test("guessing passphrases is slowed down", async () => {
  await withConsole([], async (served) => {
    const page = await (await browser.newContext({ baseURL: served.url })).newPage();
    let status = 403;
    for (let guess = 0; guess < 12 && status === 403; guess++) {
      await page.goto("/sign-in");
      await page.getByLabel("Name").fill("ann");
      await page.getByLabel("Passphrase").fill(`a wrong passphrase ${guess}`);
      const answer = page.waitForResponse((response) => response.request().method() === "POST");
      await page.getByRole("button", { name: "Sign in" }).click();
      status = (await answer).status();
    }
    assert.equal(status, 429);
    assert.match(await page.getByRole("alert").textContent(), /Try again in/);
  });
});

test("a page that is open learns of a new item by itself", async () => {
  await withConsole(mail(1), async (served) => {
    const page = await signIn(browser, served, "vic");
    const live = page.waitForResponse((response) => response.url().endsWith("/events"));
    await page.goto("/review");
    await live;
    served.send([["agent-7", "another", QUESTION]]);
    await page.locator('tr[data-href="/review/2"]').waitFor();
  });
});

test("every page passes axe-core in light and dark, wide and on a phone, and never scrolls sideways", async () => {
  await withConsole(MIXED, async (served) => {
    const page = await signIn(browser, served, "ada", { bypassCSP: true });
    await open(page, 1);
    await page.getByRole("button", { name: "Accept and send" }).click(); await decision(page);
    await page.goto("/messages");
    const timeline = await page.locator('a[href^="/messages/"]').last().getAttribute("href");
    const paths = ["/", "/review", "/review/1", "/review/2", "/review/5", "/messages", timeline, "/ledger", "/ledger/3", "/policy",
      "/health", "/charts", "/account", "/people", "/nowhere"];
    for (const colorScheme of ["light", "dark"]) {
      for (const viewport of [{ width: 1280, height: 800 }, { width: 390, height: 844 }]) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize(viewport);
        for (const path of paths) {
          await page.goto(path);
          await page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
          assert.deepEqual(await violations(page), [], `${path} ${colorScheme} ${viewport.width}`);
          assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), `${path} ${viewport.width}`);
        }
      }
    }
    const stranger = await (await browser.newContext({ baseURL: served.url, bypassCSP: true })).newPage();
    await stranger.goto("/sign-in");
    assert.deepEqual(await violations(stranger), []);
  });
});

test("pictures of the console are taken for the documentation", { skip: !process.env.PICTURES }, async () => {
  mkdirSync(process.env.PICTURES, { recursive: true });
  const letters = [
    ["flex-auth", "Certificates for the new hosts", QUESTION],
    ["deploy-bot", "Cluster", ORDER],
    ["billing", "Where do certificates come from?", "Could you tell me who issues SSH certificates? We need one for the batch host."],
    ["data-platform", "Access", "Please give my agent the root key of the vault."],
    ["edge", "Backups", "How long are backups kept, and who may restore them?"],
  ];
  await withConsole(letters, async (served) => {
    const page = await signIn(browser, served, "ann", { viewport: { width: 1200, height: 760 } });
    const shot = (name) => page.screenshot({ path: join(process.env.PICTURES, `console-${name}.png`) });
    await page.goto("/review"); await shot("queue");
    await open(page, 1); await shot("item");
    await page.getByRole("button", { name: "Accept and send" }).click(); await decision(page);
    await page.emulateMedia({ colorScheme: "dark" });
    await page.goto("/messages");
    await page.locator('a[href^="/messages/"]').last().click();
    await page.locator(".timeline").waitFor(); await shot("timeline-dark");
    await page.setViewportSize({ width: 390, height: 760 });
    await open(page, 3); await shot("phone-dark");
  });
});
