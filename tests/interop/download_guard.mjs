// The guard of npm's package ai (in @ai-sdk/provider-utils) against downloads from private addresses.
import { readFileSync } from 'node:fs';
import { validateDownloadUrl } from '@ai-sdk/provider-utils';

const verdicts = JSON.parse(readFileSync(0, 'utf8')).map((url) => {
  try {
    validateDownloadUrl(url);
    return 'passes';
  } catch (error) {
    return error.message;
  }
});
console.log(JSON.stringify(verdicts));
