import 'esp-web-tools';

/** What is used here of a browser: this file is bundled for one, and is no part of the command. */
type Place = { dataset: { address?: string }; textContent: string };
declare const document: { querySelectorAll(selector: string): Iterable<Place> };
declare const location: { readonly href: string };

// Where this tree is served is known here only: commands can then be copied as they stand.
for (const place of document.querySelectorAll('[data-address]'))
  place.textContent = new URL(place.dataset.address ?? '', location.href).href;
