// npm's kling-api against an emulator: every endpoint that it has, from the create to the files on the disk.
import dns from 'node:dns';
import { readFileSync } from 'node:fs';
import { KlingAPI } from 'kling-api';

const { url, accessKey, secretKey, picture, sound, folder } = JSON.parse(readFileSync(0, 'utf8'));
const host = new URL(url).hostname;
const lookup = dns.lookup; // the emulator's public name has no address anywhere else
dns.lookup = (name, options, done) => lookup(name === host ? '127.0.0.1' : name, options, done);
console.info = console.warn = () => {};

const api = new KlingAPI({ accessKey, secretKey, baseUrl: url });
const quick = { interval: 10, timeout: 30000, showSpinner: false };
const answer = { ended: {}, files: {} };

async function run(name, create, query, kind) {
  const { data } = await create;
  const ask = query.bind(api);
  const wait = kind === 'images' ? api.waitForImageResult : api.waitForVideoResult;
  const ended = await wait.call(api, data.task_id, ask, quick);
  const save = kind === 'images' ? api.saveImageResult : api.saveVideoResult;
  answer.files[name] = await save.call(api, ended, `${folder}/${name}`, name);
  answer.ended[name] = ended.data;
  return ended.data;
}

answer.packs = (await api.getAccountInfo(Date.now() - 3600000, Date.now())).data;
const source = await run(
  'text2video', api.textToVideo({ prompt: 'rain', model_name: 'kling-v1-6', cfg_scale: 0.5, duration: '5' }),
  api.queryTextToVideoTask, 'videos',
);
await run('extend', api.extendVideo({ video_id: source.task_result.videos[0].id }), api.queryExtendVideoTask, 'videos');
await run(
  'image2video', api.imageToVideo({ image: picture, image_tail: picture, model_name: 'kling-v2-5-turbo', mode: 'pro' }),
  api.queryImageToVideoTask, 'videos',
);
await run(
  'multi', api.multiImageToVideo({ image_list: [{ image: picture }, { image: picture }], prompt: 'both' }),
  api.queryMultiImageToVideoTask, 'videos',
);
await run(
  'omni', api.omniVideo({ prompt: '<<<image_1>>>', image_list: [{ image_url: picture, type: 'first_frame' }] }),
  api.queryOmniVideoTask, 'videos',
);
await run('avatar', api.createAvatar({ image: picture, sound_file: sound }), api.queryAvatarTask, 'videos');
await run('images', api.generateImage({ prompt: 'cats', n: 3, aspect_ratio: '21:9', model_name: 'kling-v2' }), api.queryImageGenTask, 'images');
await run(
  'expand',
  api.expandImage({
    image: picture, up_expansion_ratio: 0.1, down_expansion_ratio: 0.1, left_expansion_ratio: 0, right_expansion_ratio: 0,
  }),
  api.queryImageExpandTask, 'images',
);
await run('omni_image', api.omniImage({ prompt: '<<<image_1>>>', image_list: [{ image: picture }] }), api.queryOmniImageTask, 'images');
await run(
  'subjects', api.multiImageToImage({ subject_image_list: [{ subject_image: picture }], prompt: 'x' }),
  api.queryMultiImageToImageTask, 'images',
);
try {
  await api.queryImageToVideoTask(source.task_id);
} catch (error) {
  answer.elsewhere = [error.code, error.httpStatus ?? error.status ?? null, error.message];
}
console.log(JSON.stringify(answer));
