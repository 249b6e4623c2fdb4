import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { inspectProgram, type ProgramFile } from '../../src/process/program-file.ts';
import { temporaryFolder } from '../support/temporary-folder.ts';

const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;

function inspect(content: string | Uint8Array, mode = 0o755): ProgramFile {
  const path = join(temporaryFolder(), 'claude');
  writeFileSync(path, content, { mode });
  return inspectProgram(path, { PATH });
}

const broken = (reason: string) => ({ kind: 'broken', reason });

describe.runIf(process.platform !== 'win32')('a program file', () => {
  it.each([
    ['#!/bin/sh\n', { kind: 'kernel' }],
    ['#! /bin/sh -e\n', { kind: 'kernel' }],
    ['#!/usr/bin/env sh\n', { kind: 'kernel' }],
    ['#!/usr/bin/env -S LANG=C sh -e\n', { kind: 'kernel' }],
    ['#!/usr/bin/env no-such-node\n', broken('no-such-node, which runs it, is not on your PATH')],
    ['#!/usr/bin/env -S no-such-node --flag\n', broken('no-such-node, which runs it, is not on your PATH')],
    ['#!/usr/bin/env sh -e\n', broken('sh -e, which runs it, is not on your PATH')],
    ['#!/no/such/interpreter\n', broken('its interpreter /no/such/interpreter is missing')],
    ['#!/bin\n', broken('its interpreter /bin is not a file')],
    ['#!/etc/passwd\n', broken('its interpreter /etc/passwd may not be executed')],
    ['#!/bin/sh\r\n', broken('its interpreter /bin/sh\r is missing')],
    ['#!/usr/bin/env sh\r\n', broken('sh\r, which runs it, is not on your PATH')],
    ['echo hello\n', { kind: 'shell' }],
    ['#!\necho hello\n', { kind: 'shell' }],
    ['', broken('it is empty')],
  ])('that is the script %j', (content, result) => {
    expect(inspect(content)).toEqual(result);
  });

  it('that is a script whose interpreter is one', () => {
    const path = join(temporaryFolder(), 'interpreter');
    for (const [content, result] of [
      ['#!/bin/sh\n', { kind: 'kernel' }],
      ['#!/no/such/shell\n', broken(`its interpreter ${path} needs /no/such/shell, which is missing`)],
    ] as const) {
      writeFileSync(path, content, { mode: 0o755 });
      expect(inspect(`#!${path}\n`)).toEqual(result);
    }
    writeFileSync(path, `#!${path}\n`);
    expect(inspect(`#!${path}\n`)).toMatchObject({ kind: 'broken' });
  });

  it('that may not be executed, is missing, is a folder, or a link to nothing', () => {
    expect(inspect('#!/bin/sh\n', 0o644)).toEqual(broken('it may not be executed'));
    const folder = temporaryFolder();
    symlinkSync('nothing', join(folder, 'dangling'));
    mkdirSync(join(folder, 'folder'));
    expect(inspectProgram(join(folder, 'missing'), { PATH })).toEqual(broken('it is missing'));
    expect(inspectProgram(join(folder, 'dangling'), { PATH })).toEqual(broken('it is missing'));
    expect(inspectProgram(join(folder, 'folder'), { PATH })).toEqual(broken('it is not a file'));
  });

  it('that is a native program, also by a link', () => {
    const link = join(temporaryFolder(), 'claude');
    symlinkSync(process.execPath, link);
    expect(inspectProgram(link, { PATH })).toEqual({ kind: 'kernel' });
  });

  it.runIf(process.platform === 'linux')('that is made for another system', () => {
    const path = join(temporaryFolder(), 'claude');
    copyFileSync('/bin/true', path);
    const native = readFileSync(path);
    const foreign = Buffer.from(native);
    foreign.writeUInt16LE(7, 18);
    expect(inspect(foreign)).toEqual({ kind: 'unknown' });
    for (const length of [100, native.length >> 1]) {
      expect(inspect(native.subarray(0, length))).toEqual({ kind: 'unknown' });
    }
    expect(inspect(Buffer.from('cffaedfe0c00000100000000', 'hex'))).toEqual({ kind: 'unknown' });
    const loader = /\/lib[\w/.-]*ld-linux[\w.-]*/.exec(native.toString('latin1'))?.[0] ?? '';
    const musl = `${'/lib/ld-musl'.padEnd(loader.length, 'x')}`;
    expect(inspect(Buffer.from(native.toString('latin1').replace(loader, musl), 'latin1'))).toEqual(
      broken(`its loader ${musl} is missing`),
    );
  });
});
