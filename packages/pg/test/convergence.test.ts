import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { faults } from './faults.js';
import { type Fault, type Operation, Simulation, Violation } from './simulation.js';

const draw = fc.nat({ max: 2 ** 20 });
const runs = (fault?: Fault) =>
  fc.property(
    fc.integer({ min: 2, max: 4 }),
    fc.array(fc.tuple(draw, draw, draw, draw) as fc.Arbitrary<Operation>, { maxLength: 400, size: 'max' }),
    (nodes, operations) => new Simulation(nodes, fault).run(operations),
  );

describe('simulated nodes over a faulty network', () => {
  // On failure fast-check prints the seed and the path that repeat the run, and the shortest run that fails.
  test('P17 P18 P19 P25 P32 P34: nothing foreign ever enters, and after heal and quiet every view is exactly the living members', () => {
    fc.assert(runs(), { numRuns: 300 });
  });

  test.for(Object.entries(faults))('the simulation finds a planted fault: %s', ([, fault]) => {
    const found = fc.check(runs(fault), { numRuns: 2000, endOnFailure: true, seed: 1 });
    expect(found.failed).toBe(true);
    expect(found.errorInstance).toBeInstanceOf(Violation);
  });

  test('the same operations give the same run', () => {
    const operations = fc.sample(fc.tuple(draw, draw, draw, draw) as fc.Arbitrary<Operation>, {
      numRuns: 300,
      seed: 7,
    });
    const views = () => {
      const simulation = new Simulation(3);
      simulation.run(operations);
      return simulation.nodes.map(({ told }) => [...told]);
    };
    expect(views()).toEqual(views());
  });
});
