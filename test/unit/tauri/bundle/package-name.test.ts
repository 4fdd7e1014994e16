import { describe, expect, test } from 'vitest';
import { isPackageOf, kebabCase, resembles } from '../../../../src/tauri/bundle/package-name.ts';

describe('field 5: the name of a package', () => {
  // As `tauri bundle` 2.12.5 wrote them into the control data of a deb.
  test.each([
    ['App™', 'app'],
    ['㎏ Meter', 'meter'],
    ['Notes №5', 'notes-5'],
    ['App ℃', 'app'],
    ['🚀', ''],
    ['note taker ', 'note-taker'],
    ['App-1.2.3', 'app-1-2-3'],
    ['GROẞ', 'groß'],
    ['Straße ß', 'straße-ß'],
    ['XMLHttpΣ ΑΣ', 'xml-http-ς-ας'],
    ['ǅabc', 'ǆabc'],
    ['Cafe\u0301 App', 'cafe-app'],
    ['Ⅷ App½x', 'ⅷ-app½x'],
    ['İstanbul', 'i\u0307stanbul'],
    ['a1B2c', 'a1-b2c'],
    ['', ''],
  ])('%s is %s', (productName, packageName) => {
    expect(kebabCase(productName)).toBe(packageName);
    expect(isPackageOf(packageName, productName)).toBe(true);
  });

  test('does not depend on the form of Unicode that a configuration is written in', () => {
    expect(isPackageOf('cafe-app', 'Caf\u00e9 App')).toBe(true);
    expect(isPackageOf('café-app', 'Cafe\u0301 App')).toBe(true);
  });

  test.each([
    ['note-reader', 'Note Taker'],
    ['apptm', 'App™'],
    ['gross', 'GROẞ'],
    ['app', '🚀'],
  ])('%s is not that of %s', (packageName, productName) => {
    expect(isPackageOf(packageName, productName)).toBe(false);
  });
});

test.each([
  ['cap-desktop', 'Cap', true],
  ['Cap - Development', 'cap', true],
  ['note-taker', 'Note Taker for Linux', true],
  ['note-reader', 'Note Taker', false],
])('%s and %s can stand for one product: %s', (a, b, expected) => {
  expect(resembles(a, b)).toBe(expected);
  expect(resembles(b, a)).toBe(expected);
});
