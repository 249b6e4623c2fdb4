import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOf, takeEnvironment } from '../src/environment.ts';

describe('the folder that both machines see', () => {
  it.each([
    ['~', '/home/ada'],
    ['~/Sync', '/home/ada/Sync'],
    ['/mnt/~/Sync', '/mnt/~/Sync'],
    ['~bob/Sync', resolve('~bob/Sync')],
    ['Sync', resolve('Sync')],
  ])('may be named %s', (named, whole) => {
    const environment = takeEnvironment({ HOME: '/home/ada', CCLINK_FOLDER: named }, []);
    expect(folderOf(environment, undefined)).toBe(whole);
    expect(folderOf({ ...environment, folder: undefined }, named)).toBe(whole);
  });

  it('is none where that is empty', () => {
    const environment = takeEnvironment({ HOME: '/home/ada', CCLINK_FOLDER: '/mnt/Sync' }, []);
    expect(folderOf(environment, '')).toBeNull();
    expect(folderOf(takeEnvironment({ HOME: '/home/ada', CCLINK_FOLDER: '' }, []), undefined)).toBeNull();
  });
});
