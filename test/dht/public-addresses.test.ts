import { describe, expect, it } from 'vitest';
import { canHavePublicAddresses, scriptOnPublicAddresses } from '../support/public-addresses.ts';
import type { Outcome, Scenario } from '../support/public-nodes.ts';
import type { Stranger } from '../support/stranger.ts';

const NODES = new URL('../support/public-nodes.ts', import.meta.url);

const play = (...scenarios: Scenario[]) =>
  scriptOnPublicAddresses<Outcome[]>(NODES, ...scenarios.map((scenario) => JSON.stringify(scenario)));

/** A stranger with a single machine. */
const ONE_MACHINE = { at: 'one address', ids: 'next to the key' } as const;

/**
 * The newest packet was found, what was published is where others look for it, and the stranger did not hold
 * things up.
 */
function expectAllIsWell(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    expect(outcome.found).toBe('newest');
    expect(outcome.holders).toBeGreaterThanOrEqual(8);
    expect(outcome.strangersAsked).toBeGreaterThanOrEqual(2);
    expect(outcome.strangersAsked).toBeLessThanOrEqual(40);
  }
}

describe.runIf(canHavePublicAddresses)('a stranger with 60 nodes around a key', () => {
  it.each(['one address', 'one /24', 'a /24 each'] as const)(
    'at %s, under ids of his choice, is not among the closest, hides nothing and stops no publish',
    async (at) => {
      const stranger = { at, ids: 'next to the key' } as const;
      const outcomes = await play(
        { fitting: 'all', stranger },
        { fitting: 'all', stranger: { ...stranger, says: 'an old packet' } },
      );
      expectAllIsWell(outcomes);
      expect(outcomes.map(({ strangersAmongClosest }) => strangersAmongClosest)).toEqual([0, 0]);
    },
  );

  it.each(['one address', 'one /24'] as const)(
    'at %s, under the closest ids that fit, has two places among the closest, hides nothing and stops no publish',
    async (at) => {
      const stranger = { at, ids: 'the closest that fit' } as const;
      const outcomes = await play(
        { fitting: 'all', stranger },
        { fitting: 'all', stranger: { ...stranger, says: 'an old packet' } },
      );
      expectAllIsWell(outcomes);
      expect(outcomes.map(({ strangersAmongClosest }) => strangersAmongClosest)).toEqual([2, 2]);
    },
  );

  it.each([
    'the holders closer, under ids that do not fit',
    'the holders far off, under ids that fit',
    'nobody, in the networks of the holders',
  ] as const)('who names %s, hides nothing', async (names) => {
    expectAllIsWell(await play({ fitting: 'all', stranger: { ...ONE_MACHINE, names } }));
  });

  it('who names local addresses has nothing sent there', async () => {
    const names = 'local addresses';
    const [outcome, control] = await play(
      { fitting: 'all', stranger: { ...ONE_MACHINE, names } },
      { fitting: 'all', stranger: { ...ONE_MACHINE, names, at: 'our own network' } },
    );
    expect(outcome).toMatchObject({ found: 'newest', localAsked: [] });
    expect(outcome?.strangersAsked).toBeGreaterThanOrEqual(2);
    // A stranger in our own network may name neighbours: they do listen.
    expect(control?.localAsked).toHaveLength(7);
  });

  it('who names nobody, under ids that do not fit, hides nothing', async () => {
    const names = 'nobody, under ids that do not fit';
    const strangers: Stranger[] = [
      { ...ONE_MACHINE, names },
      { ...ONE_MACHINE, names, says: 'an old packet' },
      { ...ONE_MACHINE, names, at: 'a /24 each' },
      { ...ONE_MACHINE, names, at: 'a /24 each', says: 'an old packet' },
    ];
    expectAllIsWell(await play(...strangers.map((stranger) => ({ fitting: 'all' as const, stranger }))));
  });

  it('who names nobody, under ids that fit, hides nothing and has few asked', async () => {
    const names = 'nobody, under ids that fit';
    const outcomes = await play({ fitting: 'all', stranger: { ...ONE_MACHINE, names } });
    expectAllIsWell(outcomes);
    // Those that got no query: the 16 that one /24 may name, and the silent bootstrap node.
    const nowhere = (outcomes[0]?.asked ?? 0) - (outcomes[0]?.queries ?? 0);
    expect(nowhere).toBeLessThanOrEqual(20);
  });

  it('who leads on, each of his nodes to a closer one, is followed a few steps', async () => {
    const [outcome] = await play({ fitting: 'all', stranger: { ...ONE_MACHINE, leadsOn: true } });
    expect(outcome).toMatchObject({ found: 'newest' });
    expect(outcome?.holders).toBeGreaterThanOrEqual(8);
    expect(outcome?.strangersAsked).toBeGreaterThanOrEqual(2);
    expect(outcome?.strangersAsked).toBeLessThanOrEqual(16);
  });

  it('at one address hides nothing and stops no publish where no id fits', async () => {
    expectAllIsWell(await play({ fitting: 'none', stranger: ONE_MACHINE }));
  });
});

describe.runIf(canHavePublicAddresses)('a network in which', () => {
  it('no id fits, or every other one, serves as well, for no more than 2.5 times the queries', async () => {
    const [all, ...others] = await play({ fitting: 'all' }, { fitting: 'every other' }, { fitting: 'none' });
    for (const outcome of others) {
      expect(outcome.found).toBe('newest');
      expect(outcome.holders).toBeGreaterThanOrEqual(8);
      expect(outcome.queries).toBeLessThanOrEqual(2.5 * (all?.queries ?? 0));
      expect(outcome.milliseconds).toBeLessThan(700);
    }
  });
});

it.skipIf(canHavePublicAddresses)('NOT TESTED, as this process may not have a network of its own', () => {});
