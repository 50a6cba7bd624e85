import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import {
  channelName,
  connectAddress,
  discoverySources,
  listenAddress,
  namePatterns,
  nodeName,
  parseAddress,
  peerArgument,
  seedAddresses,
  wholeNumber,
} from '../src/cli/arguments.js';
import { neighbourName } from '../src/cli/neighbour.js';

const refused = (parse: (text: string) => unknown, texts: readonly string[]): void => {
  for (const text of texts) expect(() => parse(text), text).toThrow(InvalidArgumentError);
};

describe('arguments of the command line', () => {
  it('take addresses of every kind', () => {
    expect(parseAddress('127.0.0.1:4370')).toEqual({ host: '127.0.0.1', port: 4370 });
    expect(parseAddress('localhost:0')).toEqual({ host: 'localhost', port: 0 });
    expect(parseAddress('db-1.example.com:65535')).toEqual({ host: 'db-1.example.com', port: 65535 });
    expect(parseAddress('[::1]:1')).toEqual({ host: '::1', port: 1 });
    expect(listenAddress('[::1]:80')).toBe('[::1]:80');
    expect(listenAddress('off')).toBe('off');
  });

  it('take peers, sources and patterns, and refuse what is none', () => {
    expect([peerArgument('b@10.0.0.7'), peerArgument('10.0.0.7:1')]).toEqual(['b@10.0.0.7', '10.0.0.7:1']);
    expect(discoverySources('srv:_a._tcp.b', discoverySources('dns:a, dns:b:7'))).toEqual([
      'dns:a',
      'dns:b:7',
      'srv:_a._tcp.b',
    ]);
    expect(namePatterns('b@*', namePatterns('a@h,shop-*@*'))).toEqual(['a@h', 'shop-*@*', 'b@*']);
    refused(peerArgument, ['', 'b', 'b@', '@h', 'x y@h', '10.0.0.7', '10.0.0.7:0']);
    refused(discoverySources, ['', 'shop', 'dns:', 'dns:a:x', 'srv:a:7', 'dns:a,,dns:b', 'http://a']);
    refused(namePatterns, ['', 'a b', 'a,', '(a+)@h']);
  });

  it('refuse what is no address', () => {
    refused(parseAddress, ['', 'x', ':1', '127.0.0.1', '127.0.0.1:', '127.0.0.1:65536', '127.0.0.1:-1', '::1:80']);
    refused(parseAddress, [
      '1.2.3:80',
      '1.2.3.256:80',
      '1.2.3.4.5:80',
      '[x]:80',
      '[]:80',
      'a b:80',
      'http://x:80',
      '-a:1',
    ]);
    refused(connectAddress, ['127.0.0.1:0', 'off']);
  });

  it('collect seeds from repeated flags and from a list', () => {
    expect(seedAddresses('c:3', seedAddresses('a:1, b:2'))).toEqual(['a:1', 'b:2', 'c:3']);
    refused(seedAddresses, ['a:1,', 'a']);
  });

  it('check names of nodes and of channels', () => {
    expect(nodeName('a@127.0.0.1')).toBe('a@127.0.0.1');
    refused(nodeName, ['a', '@b', 'a@', 'a b@c', 'ä@c']);
    expect(channelName('orders.eu/1')).toBe('orders.eu/1');
    refused(channelName, ['', 'a\nb', 'é'.repeat(128)]);
  });

  it('check whole numbers against their limits', () => {
    expect(wholeNumber(0, 5)('5')).toBe(5);
    refused(wholeNumber(0, 5), ['', '6', '-1', '1.5', '1e0', 'x', '٣']);
  });

  it('find the name of a second node', () => {
    expect(['a@h', 'y@h', 'z@h', 'node7@h', 'orders@h', 'n99@h'].map(neighbourName)).toEqual([
      'b@h',
      'z@h',
      'z2@h',
      'node8@h',
      'orders2@h',
      'n100@h',
    ]);
  });
});
