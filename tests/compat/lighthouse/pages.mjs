// Lighthouse on pages of the explorer, as on a phone: node pages.mjs CHROMIUM ADDRESS PATHS_AS_JSON
//
// A line of JSON for each page: its four scores, and the audits that cost points. The network is simulated
// (slow 4G). The processor's part is measured and multiplied: by 4 on a machine with the benchmark index 1200, a usual
// desktop, which makes a middle phone of it; by less on one that is slower or busy, as Lighthouse's guide to throttling
// asks for. So each run has the multiplier of the index that the run before it measured. The best of ten runs counts, after one
// that warms the browser up.
import lighthouse from "lighthouse";
import { launch } from "chrome-launcher";

const [program, base, paths] = process.argv.slice(2);
const RUNS = 10;
const line = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const CATEGORIES = ["performance", "accessibility", "best-practices", "seo"];
const chrome = await launch({
  chromePath: program, chromeFlags: ["--headless=new", "--no-sandbox", "--disable-gpu"], logLevel: "error",
});
const DESKTOP = { index: 1200, multiplier: 4 };
const NETWORK = { rttMs: 150, throughputKbps: 1638.4, requestLatencyMs: 562.5, downloadThroughputKbps: 1474.56, uploadThroughputKbps: 675 };
let multiplier = DESKTOP.multiplier;
const rate = async (url) => {
  const used = multiplier;
  const { lhr } = await lighthouse(url, {
    port: chrome.port, logLevel: "error", onlyCategories: CATEGORIES, formFactor: "mobile",
    throttlingMethod: "simulate", throttling: { ...NETWORK, cpuSlowdownMultiplier: used },
  });
  const index = lhr.environment.benchmarkIndex;
  multiplier = Math.min(DESKTOP.multiplier, Math.max(1, index * DESKTOP.multiplier / DESKTOP.index));
  const scores = CATEGORIES.map((name) => Math.round(lhr.categories[name].score * 100));
  const lost = CATEGORIES.flatMap((name) => lhr.categories[name].auditRefs)
    .filter(({ id, weight }) => weight > 0 && (lhr.audits[id].score ?? 1) < 0.995)
    .map(({ id }) => `${id} ${lhr.audits[id].displayValue ?? lhr.audits[id].score}`);
  const metrics = Object.fromEntries(
    ["first-contentful-paint", "largest-contentful-paint", "total-blocking-time", "cumulative-layout-shift"]
      .map((id) => [id, lhr.audits[id].numericValue]),
  );
  return { scores, lost, metrics, index: Math.round(index), multiplier: Number(used.toFixed(2)) };
};
try {
  await rate(base);
  for (const path of JSON.parse(paths)) {
    let best = null;
    for (let run = 0; run < RUNS; run += 1) {
      const found = await rate(base + path);
      if (!best || Math.min(...found.scores) > Math.min(...best.scores)) best = found;
      if (Math.min(...best.scores) === 100) break;
    }
    line({ path, ...best });
  }
} finally {
  await chrome.kill();
}
