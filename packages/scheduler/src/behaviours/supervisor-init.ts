/** What a supervisor is: its strategy, its limits and its children. */
import type { BackOff } from '../back-off.js';
import { OptionError } from '../errors.js';
import { type OptionChecks, oneOf, resolveOptions, wholeNumber } from '../options.js';
import { type ChildSpec, checkChildSpec } from './child-spec.js';
import { backOffCheck } from './restart-back-off.js';
import type { RestartLimit } from './restart-intensity.js';
import type { AutoShutdown, Strategy } from './restart-strategy.js';

export interface SupervisorInit extends RestartLimit {
  /** @default 'one_for_one' */
  readonly strategy: Strategy;
  /** @default 'never' */
  readonly autoShutdown: AutoShutdown;
  /** For children that have none of their own; see `ChildOptions.backOff`. @default none: restarts are at once */
  readonly backOff: BackOff | undefined;
  /** In the order of their start. With `simple_one_for_one` the one template of all. @default none */
  readonly children: readonly ChildSpec[];
}

const DEFAULTS: SupervisorInit = {
  strategy: 'one_for_one',
  intensity: 1,
  periodMs: 5_000,
  autoShutdown: 'never',
  backOff: undefined,
  children: [],
};

const CHECKS: OptionChecks<SupervisorInit> = {
  strategy: oneOf('one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'),
  intensity: wholeNumber(0),
  periodMs: wholeNumber(1),
  autoShutdown: oneOf('never', 'any_significant', 'all_significant'),
  backOff: backOffCheck,
  children: (children) => (Array.isArray(children) ? undefined : 'must be a list of child specs'),
};

/** @throws OptionError (`ERR_LIMINAL_OPTION`), NotPortableError (`ERR_LIMINAL_NOT_PORTABLE`). */
export function resolveSupervisorInit(given: Partial<SupervisorInit>): Readonly<SupervisorInit> {
  const init = resolveOptions(given, DEFAULTS, CHECKS);
  if (init.strategy === 'simple_one_for_one') {
    if (init.children.length !== 1) {
      throw new OptionError('children', `simple_one_for_one has one template, not ${init.children.length}`);
    }
    if (init.autoShutdown !== 'never') {
      throw new OptionError('autoShutdown', 'must be never with simple_one_for_one, whose children are all alike');
    }
  }
  const ids = new Set<string>();
  for (const spec of init.children) {
    checkSupervisedSpec(spec, init.autoShutdown);
    if (ids.has(spec.id)) throw new OptionError('children', `duplicate_child_name: two have the id "${spec.id}"`);
    ids.add(spec.id);
  }
  return init;
}

/** Checks a spec for a supervisor with this `autoShutdown`. Throws as {@link resolveSupervisorInit}. */
export function checkSupervisedSpec(given: ChildSpec, autoShutdown: AutoShutdown): ChildSpec {
  const spec = checkChildSpec(given);
  if (spec.significant && autoShutdown === 'never') {
    throw new OptionError('significant', 'needs a supervisor whose autoShutdown is not never');
  }
  return spec;
}
