/** Fixed scenarios, named by the statements that they are cases of. */
import { p, r, type Scenario, type Step } from './scenario.js';

const b: Step = ['a', 'spawn', 'b', [], 'none'];
const trappingB: Step = ['a', 'spawn', 'b', ['trap'], 'none'];
const linkedB: Step = ['a', 'spawn', 'b', ['link'], 'none'];
const c: Step = ['a', 'spawn', 'c', [], 'none'];
const trap: Step = ['a', 'trap', true];

const machine: Step = ['a', 'start_machine', 'm'];

const permanent = (id: string, shutdown: number | string = 5000) => [id, 'permanent', shutdown, false] as const;
const supervised = (strategy: string, intensity = 10, more: readonly Step[] = [], auto = 'never'): Step[] => [
  trap,
  ...more,
  ['a', 'start_supervisor', 'sup', [strategy, intensity, auto], [permanent('x'), permanent('y'), permanent('z')]],
];
const children: Step = ['a', 'children', p('sup')];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'A1: messages of one sender arrive in the order sent',
    steps: [b, ['a', 'batch', ...Array.from({ length: 20 }, (_, at) => ['send', p('b'), `m${at}`])]],
  },
  {
    name: 'A3: a send to the dead',
    steps: [b, ['b', 'return'], ['a', 'send', p('b'), 'x'], ['a', 'whereis', 'nobody']],
  },
  {
    name: 'A4: a send to oneself',
    steps: [
      ['a', 'send', p('a'), 'one'],
      ['a', 'batch', ['send', p('a'), 'two'], ['take', 'one'], ['take', 'two']],
    ],
  },
  {
    name: 'A5: message, then exit',
    steps: [trappingB, ['a', 'batch', ['send', p('b'), 'x'], ['exit_other', p('b'), 'boom']]],
  },
  {
    name: 'A6: message, then down',
    steps: [b, ['a', 'monitor', p('b'), 'm'], ['b', 'batch', ['send', p('a'), 'x'], ['exit', 'boom']]],
  },
  { name: 'A7: what is sent right before the end', steps: [b, c, ['b', 'batch', ['send', p('c'), 'x'], ['return']]] },
  { name: 'A10: a send to a name that nobody holds', steps: [['a', 'send_name', 'nobody', 'x']] },
  ...(['return', 'crash', 'throw'] as const).map((op, at) => ({
    name: `B${[1, 3, 4][at]}: ${op}`,
    steps: [b, ['a', 'monitor', p('b'), 'm'], ['b', op]] as Step[],
  })),
  ...['normal', 'boom', 'kill', 'killed', 'shutdown', 'noproc'].map((reason) => ({
    name: `B2, B9: exit with ${reason} inside, linked to one that traps and one that does not`,
    steps: [trap, linkedB, c, ['c', 'link', p('b')], ['a', 'monitor', p('b'), 'm'], ['b', 'exit', reason]] as Step[],
  })),
  ...[false, true].flatMap((traps) =>
    ['normal', 'boom', 'kill', 'killed', 'shutdown'].map((reason) => ({
      name: `B5, B6, B8, E2, E5, E6: exit ${reason} to one that ${traps ? 'traps' : 'does not trap'}`,
      steps: [traps ? trappingB : b, ['a', 'monitor', p('b'), 'm'], ['a', 'exit_other', p('b'), reason]] as Step[],
    })),
  ),
  { name: 'B7: exit with normal to oneself', steps: [b, ['b', 'exit_other', p('b'), 'normal']] },
  {
    name: 'B10, B11: a crash runs along links',
    steps: [
      b,
      c,
      ['a', 'spawn', 'd', ['trap'], 'none'],
      ['b', 'link', p('c')],
      ['c', 'link', p('d')],
      ['b', 'exit', 'kill'],
    ],
  },
  { name: 'B12: a normal end does not', steps: [b, c, ['b', 'link', p('c')], ['b', 'return']] },
  {
    name: 'B14: spawn with link of one that fails at once',
    steps: [trap, ['a', 'spawn', 'f', ['link', 'fails'], 'none']],
  },
  { name: 'B15: spawn with monitor of one that fails at once', steps: [['a', 'spawn', 'f', ['fails'], 'm']] },
  {
    name: 'B17, F5: names are free when the end is told',
    steps: [
      b,
      ['b', 'register', 'n'],
      ['a', 'monitor', p('b'), 'm'],
      ['b', 'crash'],
      ['a', 'whereis', 'n'],
      ['a', 'register', 'n'],
    ],
  },
  {
    name: 'B18: alive before an exit with kill, and not behind it',
    steps: [trappingB, ['a', 'batch', ['alive', p('b')], ['exit_other', p('b'), 'kill'], ['alive', p('b')]]],
  },
  { name: 'B20: an exit for the dead', steps: [b, ['b', 'return'], ['a', 'exit_other', p('b'), 'boom']] },
  {
    name: 'C1: two links are one',
    steps: [trap, b, ['a', 'batch', ['link', p('b')], ['link', p('b')]], ['b', 'crash']],
  },
  {
    name: 'C1: one unlink ends two links',
    steps: [trap, b, ['a', 'batch', ['link', p('b')], ['link', p('b')], ['unlink', p('b')]], ['b', 'crash']],
  },
  { name: 'C2: the other side unlinks', steps: [trap, linkedB, ['b', 'unlink', p('a')], ['b', 'crash']] },
  { name: 'C3: a link to the dead, trapping', steps: [trap, b, ['b', 'return'], ['a', 'link', p('b')]] },
  {
    name: 'C4: a link to the dead, caught, not trapping',
    differs: {
      verdict: 'different',
      because: 'C4',
      lines: { 'c try_link b -> raises noproc': 'c try_link b -> it ends', 'c has []': 'c ended noproc' },
    },
    steps: [b, c, ['b', 'return'], ['c', 'try_link', p('b')]],
  },
  { name: 'C4: a link to the dead, not caught, not trapping', steps: [b, c, ['b', 'return'], ['c', 'link', p('b')]] },
  {
    name: 'C5: unlink leaves the exit in the mailbox',
    steps: [trap, linkedB, ['b', 'crash'], ['a', 'unlink', p('b')]],
  },
  {
    name: 'C6: a link to oneself',
    steps: [['a', 'link', p('a')], b, ['b', 'batch', ['link', p('b')], ['unlink', p('b')]]],
  },
  { name: 'C7: a normal exit along a link, trapping', steps: [trap, linkedB, ['b', 'return']] },
  { name: 'D2: a monitor of the dead', steps: [b, ['b', 'crash'], ['a', 'monitor', p('b'), 'm']] },
  {
    name: 'D3: two monitors',
    steps: [b, ['a', 'batch', ['monitor', p('b'), 'm1'], ['monitor', p('b'), 'm2']], ['b', 'crash']],
  },
  { name: 'D4: the end of the watcher', steps: [b, c, ['b', 'monitor', p('c'), 'm'], ['b', 'crash']] },
  {
    name: 'D5, D7: demonitor in time, and again',
    steps: [b, ['a', 'monitor', p('b'), 'm'], ['a', 'demonitor', r('m')], ['a', 'demonitor', r('m')], ['b', 'crash']],
  },
  {
    name: 'D6: demonitor when the down is there',
    steps: [
      b,
      ['a', 'batch', ['monitor', p('b'), 'm1'], ['monitor', p('b'), 'm2']],
      ['b', 'crash'],
      ['a', 'demonitor', r('m1')],
      ['a', 'demonitor_flush', r('m2')],
    ],
  },
  {
    name: 'D8: demonitor of the monitor of another',
    steps: [b, c, ['a', 'monitor', p('b'), 'm'], ['c', 'demonitor', r('m')], ['b', 'crash']],
  },
  {
    name: 'D9, D11: a monitor by name stays with the process',
    steps: [
      b,
      c,
      ['b', 'register', 'n'],
      ['a', 'monitor_name', 'n', 'm'],
      ['b', 'unregister'],
      ['c', 'register', 'n'],
      ['c', 'crash'],
      ['b', 'exit', 'boom'],
    ],
  },
  { name: 'D10: a monitor of a name that nobody holds', steps: [['a', 'monitor_name', 'nobody', 'm']] },
  {
    name: 'D13: a monitor of oneself',
    steps: [
      b,
      ['b', 'monitor', p('b'), 'm'],
      ['b', 'demonitor', r('m')],
      ['b', 'monitor', p('b'), 'm2'],
      ['b', 'return'],
    ],
  },
  {
    name: 'E3, E4: trap is switched on and off',
    steps: [
      linkedB,
      trap,
      ['a', 'exit_other', p('b'), 'boom'],
      ['a', 'trap', false],
      ['a', 'trap', false],
      c,
      ['c', 'trap', true],
      ['c', 'trap', false],
      ['a', 'exit_other', p('c'), 'boom'],
    ],
  },
  {
    name: 'F1: a name is found and reached',
    steps: [b, ['b', 'register', 'n'], ['a', 'whereis', 'n'], ['a', 'send_name', 'n', 'x']],
  },
  {
    name: 'F2, F3: a name in use, and a second name',
    steps: [
      b,
      ['b', 'register', 'n'],
      ['a', 'register', 'n'],
      ['b', 'register', 'other'],
      ['a', 'whereis', 'other'],
      ['b', 'register', 'n'],
    ],
  },
  {
    name: 'F6: a name that was given up',
    steps: [
      b,
      ['b', 'register', 'n'],
      ['a', 'send_name', 'n', 'x'],
      ['b', 'unregister'],
      ['a', 'send_name', 'n', 'y'],
      ['a', 'register', 'n'],
    ],
  },
  {
    name: 'G1: the first that matches',
    steps: [
      b,
      ['b', 'batch', ['send', p('a'), 'x'], ['send', p('a'), 'y'], ['send', p('a'), 'z']],
      ['a', 'take', 'y'],
      ['a', 'take', 'nothing'],
    ],
  },
  {
    name: 'G2: no time and no match',
    steps: [
      ['a', 'take', 'x'],
      ['a', 'send', p('a'), 'x'],
      ['a', 'take', 'y'],
      ['a', 'take', 'x'],
    ],
  },
  {
    name: 'H1, H10: a message sent later',
    steps: [
      b,
      ['a', 'send_after', 0, p('b'), 'now', 't0'],
      ['b', 'await', 'now'],
      ['a', 'send_after', 5, p('b'), 'later', 't1'],
      ['b', 'await', 'later'],
      ['a', 'cancel', 't1'],
    ],
  },
  {
    name: 'H2: a started timer sends its ref',
    steps: [
      ['a', 'start_timer', 0, p('a'), 'x', 't'],
      ['a', 'send_after', 20, p('a'), 'y', 'u'],
      ['a', 'await', 'y'],
    ],
  },
  {
    name: 'H3, H4, H6: cancel, twice, and read',
    steps: [
      ['a', 'send_after', 3_600_000, p('a'), 'never', 't'],
      ['a', 'read_timer', 't'],
      ['a', 'cancel', 't'],
      ['a', 'cancel', 't'],
      ['a', 'read_timer', 't'],
    ],
  },
  {
    name: 'J1, J9: calls and casts in order',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'call', p('s'), ['add', 2], 5000],
      [
        'a',
        'batch',
        ['cast', p('s'), ['note', 'one']],
        ['send', p('s'), 'two'],
        ['cast', p('s'), ['note', 'three']],
        ['call', p('s'), ['log'], 5000],
      ],
    ],
  },
  {
    name: 'J2, J8: the dead and names that nobody holds',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'stop_server', p('s'), 'normal'],
      ['a', 'call', p('s'), ['get'], 5000],
      ['a', 'cast', p('s'), ['note', 'x']],
      ['a', 'call', 'nobody', ['get'], 5000],
      ['a', 'cast', 'nobody', ['note', 'x']],
    ],
  },
  {
    name: 'J3, J4: no reply in time, and a late one',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'call', p('s'), ['later'], 10],
      ['a', 'cast', p('s'), ['release', 'late']],
      ['a', 'call', p('s'), ['get'], 5000],
    ],
  },
  {
    name: 'J5: a callback fails in a call',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'call', p('s'), ['crash'], 5000],
    ],
  },
  {
    name: 'J21: a callback throws in a call',
    differs: {
      verdict: 'different',
      because: 'J21',
      lines: {
        'a call s (throw) 5000 -> fails {bad_return_value,tossed}': 'a call s (throw) 5000 -> fails thrown tossed',
        's ended {bad_return_value,tossed}': 's ended thrown tossed',
      },
    },
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'call', p('s'), ['throw'], 5000],
    ],
  },
  {
    name: 'J5: an exit in a call',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'call', p('s'), ['exit', 'boom'], 5000],
    ],
  },
  {
    name: 'J7: two replies',
    differs: { verdict: 'stricter', because: 'J7', lines: { 'a has [a stray reply 2]': 'a has []' } },
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'call', p('s'), ['twice', 1, 2], 5000],
      ['a', 'call', p('s'), ['get'], 5000],
    ],
  },
  { name: 'J11: an init that stops, not linked', steps: [['a', 'start_server', 's', 'stop', []]] },
  {
    name: 'J11: an init that stops, linked to one that traps',
    differs: { verdict: 'different', because: 'J11', lines: { 'a has [EXIT stranger told_to_stop]': 'a has []' } },
    steps: [trap, ['a', 'start_server', 's', 'stop', ['link']]],
  },
  { name: 'J11: an init that crashes, not linked', steps: [['a', 'start_server', 's', 'crash', []]] },
  {
    name: 'J12, J13: a start under a name, and a second one',
    steps: [
      ['a', 'start_server', 's', 'ready', [['named', 'n']]],
      ['a', 'whereis', 'n'],
      ['a', 'start_server', 't', 'ready', [['named', 'n']]],
      ['a', 'call', 'n', ['add', 1], 5000],
    ],
  },
  {
    name: 'J14: what init continues with',
    steps: [
      ['a', 'start_server', 's', 'continue', []],
      ['a', 'cast', p('s'), ['note', 'x']],
      ['a', 'call', p('s'), ['log'], 5000],
    ],
  },
  {
    name: 'J16: a stop',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'monitor', p('s'), 'm'],
      ['a', 'stop_server', p('s'), 'enough'],
    ],
  },
  {
    name: 'J17: a stop with a reply',
    steps: [
      ['a', 'start_server', 's', 'ready', []],
      ['a', 'monitor', p('s'), 'm'],
      ['a', 'call', p('s'), ['stop', 'enough', 'bye'], 5000],
    ],
  },
  {
    name: 'J18: the end of the parent',
    steps: [b, ['b', 'start_server', 's', 'trap', ['link']], ['b', 'exit', 'boom']],
  },
  ...['one_for_one', 'one_for_all', 'rest_for_one'].map((strategy, at) => ({
    name: `I1, I${3 + at}: ${strategy}`,
    steps: [
      ...supervised(strategy),
      ['director', 'end_child', 'y', 'boom'],
      children,
      ['a', 'exit_other', p('sup'), 'shutdown'],
    ] as Step[],
  })),
  {
    name: 'I2: a child that fails to start',
    differs: {
      verdict: 'different',
      because: 'J11',
      lines: { 'a has [EXIT stranger failed_to_start_child z told_to_fail]': 'a has []' },
    },
    steps: supervised('one_for_one', 10, [['director', 'plan', 'z', ['fail']]]),
  },
  {
    name: 'I8: one restart too many',
    steps: [
      ...supervised('one_for_one', 1),
      ['director', 'end_child', 'x', 'boom'],
      ['director', 'end_child', 'x', 'boom'],
    ],
  },
  ...['normal', 'shutdown', 'boom'].map((reason) => ({
    name: `I11, I12, I13: children of each kind end with ${reason}`,
    steps: [
      trap,
      [
        'a',
        'start_supervisor',
        'sup',
        ['one_for_one', 10, 'never'],
        [
          ['x', 'permanent', 5000, false],
          ['y', 'transient', 5000, false],
          ['z', 'temporary', 5000, false],
        ],
      ],
      ['director', 'end_child', 'x', reason],
      ['director', 'end_child', 'y', reason],
      ['director', 'end_child', 'z', reason],
      children,
      ['a', 'count_children', p('sup')],
    ] as Step[],
  })),
  {
    name: 'I14: a child that hangs',
    steps: [
      trap,
      ['director', 'hang', 'x'],
      ['a', 'start_supervisor', 'sup', ['one_for_one', 1, 'never'], [permanent('x', 20)]],
      ['a', 'monitor', { child: 'x' }, 'm'],
      ['a', 'terminate_child', p('sup'), 'x'],
    ],
  },
  {
    name: 'I15: brutal_kill',
    steps: [
      trap,
      ['a', 'start_supervisor', 'sup', ['one_for_one', 1, 'never'], [permanent('x', 'brutal_kill')]],
      ['a', 'monitor', { child: 'x' }, 'm'],
      ['a', 'terminate_child', p('sup'), 'x'],
    ],
  },
  {
    name: 'I17, I18, I19, I28: children by hand',
    steps: [
      ...supervised('one_for_one'),
      ['a', 'terminate_child', p('sup'), 'y'],
      children,
      ['a', 'count_children', p('sup')],
      ['a', 'start_child', p('sup'), permanent('y')],
      ['a', 'start_child', p('sup'), permanent('x')],
      ['a', 'delete_child', p('sup'), 'x'],
      ['a', 'delete_child', p('sup'), 'nobody'],
      ['a', 'restart_child', p('sup'), 'x'],
      ['a', 'restart_child', p('sup'), 'y'],
      ['a', 'terminate_child', p('sup'), 'z'],
      ['a', 'delete_child', p('sup'), 'z'],
      ['a', 'terminate_child', p('sup'), 'z'],
      ['a', 'start_child', p('sup'), permanent('new')],
      children,
      ['a', 'count_children', p('sup')],
    ],
  },
  {
    name: 'I20: a child that says ignore',
    steps: [...supervised('one_for_one', 10, [['director', 'plan', 'y', ['ignore']]]), children],
  },
  {
    name: 'I21: any_significant',
    steps: [
      trap,
      [
        'a',
        'start_supervisor',
        'sup',
        ['one_for_one', 1, 'any_significant'],
        [['x', 'transient', 5000, true], ['y', 'transient', 5000, true], permanent('z')],
      ],
      ['director', 'end_child', 'y', 'normal'],
    ],
  },
  {
    name: 'I22: all_significant',
    steps: [
      trap,
      [
        'a',
        'start_supervisor',
        'sup',
        ['one_for_one', 1, 'all_significant'],
        [['x', 'transient', 5000, true], ['y', 'transient', 5000, true], permanent('z')],
      ],
      ['director', 'end_child', 'y', 'normal'],
      children,
      ['director', 'end_child', 'x', 'normal'],
    ],
  },
  {
    name: 'I24: a significant child that is stopped by hand',
    steps: [
      trap,
      [
        'a',
        'start_supervisor',
        'sup',
        ['one_for_one', 1, 'any_significant'],
        [['x', 'transient', 5000, true], permanent('z')],
      ],
      ['a', 'terminate_child', p('sup'), 'x'],
      children,
    ],
  },
  {
    name: 'I26: a supervisor that is killed',
    steps: [
      trap,
      ['a', 'start_supervisor', 'sup', ['one_for_one', 1, 'never'], [permanent('x')]],
      ['a', 'monitor', { child: 'x' }, 'm'],
      ['a', 'exit_other', p('sup'), 'kill'],
    ],
  },
  {
    name: 'I27: a start that goes on failing',
    steps: [
      ...supervised('one_for_one', 3),
      ['director', 'plan', 'y', ['fail', 'fail', 'fail', 'fail']],
      ['director', 'end_child', 'y', 'boom'],
    ],
  },
  {
    name: 'I27: a later try succeeds',
    steps: [
      ...supervised('one_for_one', 3),
      ['director', 'plan', 'y', ['fail', 'fail']],
      ['director', 'end_child', 'y', 'boom'],
      children,
    ],
  },
  {
    name: 'K1: events and states',
    steps: [
      machine,
      ['a', 'cast', p('m'), ['note', 'x']],
      ['a', 'call', p('m'), ['go', 'busy'], 5000],
      ['a', 'cast', p('m'), ['note', 'y']],
      ['a', 'call', p('m'), ['log'], 5000],
    ],
  },
  {
    name: 'K2: postponed events come after a change of state, before newer ones',
    steps: [
      machine,
      [
        'a',
        'batch',
        ['cast', p('m'), ['later', 'one']],
        ['cast', p('m'), ['note', 'x']],
        ['cast', p('m'), ['later', 'two']],
        ['call', p('m'), ['go', 'idle'], 5000],
        ['call', p('m'), ['log'], 5000],
        ['call', p('m'), ['go', 'busy'], 5000],
        ['cast', p('m'), ['note', 'y']],
        ['call', p('m'), ['log'], 5000],
      ],
    ],
  },
  {
    name: 'K3: a state timeout fires, or is ended by a change of state',
    steps: [
      machine,
      ['a', 'batch', ['cast', p('m'), ['state_timeout', 5, 'fired']], ['call', p('m'), ['wait'], 5000]],
      [
        'a',
        'batch',
        ['cast', p('m'), ['state_timeout', 200, 'ended']],
        ['call', p('m'), ['go', 'busy'], 5000],
        ['cast', p('m'), ['timeout', 'one', 400, 'over']],
        ['call', p('m'), ['wait'], 5000],
        ['call', p('m'), ['log'], 5000],
      ],
    ],
  },
  {
    name: 'K4: a named timeout is replaced, and lives on over a change of state',
    steps: [
      machine,
      [
        'a',
        'batch',
        ['cast', p('m'), ['timeout', 'one', 3_600_000, 'first']],
        ['cast', p('m'), ['timeout', 'one', 20, 'second']],
        ['call', p('m'), ['go', 'open'], 5000],
        ['call', p('m'), ['wait'], 5000],
        ['call', p('m'), ['log'], 5000],
      ],
    ],
  },
  {
    name: 'K5: inserted events come first, in order',
    steps: [
      machine,
      [
        'a',
        'batch',
        ['cast', p('m'), ['insert', 'x', 'y']],
        ['cast', p('m'), ['note', 'z']],
        ['call', p('m'), ['log'], 5000],
      ],
    ],
  },
  {
    name: 'K7: a stop with a reply',
    steps: [machine, ['a', 'monitor', p('m'), 'm1'], ['a', 'call', p('m'), ['stop', 'enough', 'bye'], 5000]],
  },
];
