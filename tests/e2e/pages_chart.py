"""What the ladder planned is drawn as it was planned, before now and after."""
from fleet import People

# The dashed line as [time, devices] after each of its steps, in shares of the
# time that it takes and by the marks of the axis; where now is; and its dash.
PLAN = r"""
const chart = document.querySelector("#adoption svg.chart");
const plan = chart && chart.querySelector("path.plan");
if (!plan) return null;
const [zero, , top] = [...chart.querySelectorAll("line.axis")].map(l =>
  Number(l.getAttribute("y1")));
const most = Number([...chart.querySelectorAll("text")][2].textContent);
const d = plan.getAttribute("d");
const steps = [...d.matchAll(/H([\d.]+)V([\d.]+)/g)].map(m => [Number(m[1]),
  most * (zero - Number(m[2])) / (zero - top)]);
const now = chart.querySelector("line.now");
const lines = [...chart.querySelectorAll("path.line")].map(p =>
  Number(/H([\d.]+)$/.exec(p.getAttribute("d"))[1]));
return { steps, end: Number(/H([\d.]+)$/.exec(d)[1]),
  now: now && Number(now.getAttribute("x1")), lines,
  dash: getComputedStyle(plan).strokeDasharray,
  words: chart.getAttribute("aria-label") };
"""


def the_plan_is_drawn(o, check, work):
    """Three phases, two hours and one hour apart, of which one is open."""
    people = People(work)
    people.act("abort", "parts", reason="seen")
    people.begin("later", "r3", cohort="parts", watch=[7200, 3600, 0],
                 shares=[1000, 5000, 10000])
    sizes = [p["size"] for p in people.rollout("later")["phases"]]
    o.go("/rollouts/later")
    plan = o.b.run(PLAN)
    check(plan and plan["dash"] != "none" and len(plan["steps"]) == 3,
          "what was planned is a dashed line of three steps %s" % plan)
    at = [x for x, _ in plan["steps"]]
    check(all(abs(n - size) < 1 for (_, n), size in zip(plan["steps"], sizes)),
          "to so many devices as phases have: %s" % sizes)
    check(abs((at[1] - at[0]) / (at[2] - at[0]) - 2 / 3) < 0.02,
          "when the ladder opens them")
    check(at[0] - 0.1 < plan["now"] < at[1] and plan["end"] > at[2],
          "beyond now, which has a mark")
    check(all(abs(x - plan["now"]) < 1 for x in plan["lines"]),
          "where what runs ends")
    check("planned: %d from" % sizes[0] in plan["words"], "and it is said")
    o.quiet("the plan")
