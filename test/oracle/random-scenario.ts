/**
 * Random scenarios of four actors: spawns, links, monitors, exits, names and messages, alone and in batches.
 *
 * Only what has one outcome is generated. A batch ends with the first step that can end somebody: what comes
 * behind the end of another process would race with what that end causes.
 */
import fc from 'fast-check';
import { type Argument, p, r, type Scenario, type Step } from './scenario.js';

const NAMES = ['a', 'b', 'c', 'd'];
const actor = fc.constantFrom(...NAMES);
const label = fc.integer({ min: 0, max: 5 }).map((at) => `m${at}`);
const name = fc.constantFrom('n1', 'n2');
const reason = fc.constantFrom('normal', 'boom', 'kill', 'shutdown');
const text = fc.constantFrom('x', 'y', 'z');
const flags = fc.subarray(['link', 'trap']);

type Act = readonly [op: string, ...args: Argument[]];

const harmless: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: fc.tuple(actor, text).map(([to, what]): Act => ['send', p(to), what]) },
  { weight: 3, arbitrary: fc.tuple(actor, label).map(([of, by]): Act => ['monitor', p(of), by]) },
  { weight: 2, arbitrary: actor.map((of): Act => ['unlink', p(of)]) },
  { weight: 1, arbitrary: fc.tuple(name, label).map(([of, by]): Act => ['monitor_name', of, by]) },
  { weight: 1, arbitrary: label.map((of): Act => ['demonitor', r(of)]) },
  { weight: 1, arbitrary: label.map((of): Act => ['demonitor_flush', r(of)]) },
  { weight: 2, arbitrary: fc.boolean().map((on): Act => ['trap', on]) },
  { weight: 1, arbitrary: name.map((of): Act => ['register', of]) },
  { weight: 1, arbitrary: name.map((of): Act => ['whereis', of]) },
  { weight: 1, arbitrary: fc.tuple(name, text).map(([to, what]): Act => ['send_name', to, what]) },
  { weight: 1, arbitrary: text.map((what): Act => ['take', what]) },
);

/** May end the actor or another. */
const lethal: fc.Arbitrary<Act> = fc.oneof(
  { weight: 4, arbitrary: actor.map((to): Act => ['link', p(to)]) },
  { weight: 4, arbitrary: fc.tuple(actor, reason).map(([to, why]): Act => ['exit_other', p(to), why]) },
  { weight: 1, arbitrary: reason.map((why): Act => ['exit', why]) },
  { weight: 1, arbitrary: fc.constantFrom<Act>(['crash'], ['throw'], ['return']) },
);

const batch = fc
  .tuple(fc.array(harmless, { minLength: 1, maxLength: 4 }), fc.option(lethal, { nil: undefined }))
  .map(([acts, last]): Act => ['batch', ...acts, ...(last === undefined ? [] : [last])]);

const failing = fc
  .tuple(fc.boolean(), label)
  .map(([linked, by]) => ({ flags: linked ? ['fails', 'link'] : ['fails'], by }));

/** A monitor's label is used once, so that each ref has a name of its own. */
function withOwnLabels(steps: readonly Step[]): Step[] {
  let labels = 0;
  const rename = (act: readonly Argument[]): readonly Argument[] => {
    if (act[0] === 'batch') return ['batch', ...act.slice(1).map((inner) => rename(inner as readonly Argument[]))];
    return act[0] === 'monitor' || act[0] === 'monitor_name' ? [...act.slice(0, 2), `m${labels++}`] : act;
  };
  return steps.map(([who, ...act]) => [who, ...rename(act)] as unknown as Step);
}

export const randomScenario: fc.Arbitrary<Scenario> = fc
  .record({
    spawns: fc.array(fc.record({ by: actor, flags, watched: fc.boolean() }), { minLength: 3, maxLength: 3 }),
    acts: fc.array(
      fc.tuple(
        actor,
        fc.oneof(
          { weight: 4, arbitrary: harmless },
          { weight: 4, arbitrary: lethal },
          { weight: 3, arbitrary: batch },
          { weight: 1, arbitrary: failing },
        ),
      ),
      { minLength: 3, maxLength: 12 },
    ),
  })
  .map(({ spawns, acts }) => {
    const first = spawns.map((spawn, at): Step => {
      const by = NAMES.slice(0, at + 1).includes(spawn.by) ? spawn.by : 'a';
      const child = NAMES[at + 1] ?? 'd';
      return [by, 'spawn', child, spawn.flags, spawn.watched ? `spawn ${child}` : 'none'];
    });
    const then = acts.map(([who, act], at): Step => {
      if (!('flags' in act)) return [who, ...act];
      return [who, 'spawn', `f${at}`, act.flags, `fail ${at}`];
    });
    return { name: 'at random', steps: withOwnLabels([...first, ...then]) };
  });
