// The functions that Python calls through ctypes; see nmt/engine/native/library.py.
//
// Functions that can fail return 0 if they succeed; otherwise carousel_error() says what went wrong in this thread.

#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "activations.h"
#include "beam_search.h"
#include "candidates.h"
#include "kernels.h"
#include "model.h"

#if defined(_WIN32)
#define CAROUSEL_EXPORT extern "C" __declspec(dllexport)
#else
#define CAROUSEL_EXPORT extern "C" __attribute__((visibility("default")))
#endif

using namespace carousel;

namespace {

thread_local std::string last_error;

template <class Function>
int guarded(Function function) {
  try {
    function();
    return 0;
  } catch (const std::exception& error) {
    last_error = error.what();
  }
  return -1;
}

template <class Function>
auto* created(Function function) {
  decltype(function().release()) result = nullptr;
  guarded([&] { result = function().release(); });
  return result;
}

std::vector<int32_t> checked_ids(const int32_t* ids, int64_t first, int64_t last, int32_t vocabulary) {
  std::vector<int32_t> result(ids + first, ids + last);
  for (const int32_t id : result)
    if (id < 0 || id >= vocabulary) throw std::invalid_argument("a token does not exist");
  return result;
}

// Sentences to admit. Sentence n has the source ids from source_ends[n - 1] to source_ends[n], and likewise a shortlist.
// Without shortlists, their arrays are null.
struct PackedSentences {
  int64_t count;
  const int32_t* slots;
  const int32_t* sources;
  const int64_t* source_ends;
  const int32_t* shortlists;
  const int64_t* shortlist_ends;
};

std::vector<int32_t> unpacked_slots(const PackedSentences& packed) {
  return {packed.slots, packed.slots + packed.count};
}

std::vector<Sentence> unpacked_sentences(const PackedSentences& packed, const Model& model) {
  std::vector<Sentence> sentences(packed.count);
  for (int64_t n = 0; n < packed.count; ++n) {
    const int64_t first = n == 0 ? 0 : packed.source_ends[n - 1], last = packed.source_ends[n];
    if (last <= first) throw std::invalid_argument("a source is empty");
    sentences[n].source = checked_ids(packed.sources, first, last, model.architecture().source_vocabulary);
    if (packed.shortlists == nullptr) continue;
    const int64_t first_choice = n == 0 ? 0 : packed.shortlist_ends[n - 1], last_choice = packed.shortlist_ends[n];
    if (last_choice <= first_choice) throw std::invalid_argument("a shortlist is empty");
    sentences[n].shortlist =
        checked_ids(packed.shortlists, first_choice, last_choice, model.architecture().target_vocabulary);
  }
  return sentences;
}

}  // namespace

CAROUSEL_EXPORT const char* carousel_error() { return last_error.c_str(); }

// --- kernels --------------------------------------------------------------------------------------------------------

CAROUSEL_EXPORT const Kernels* carousel_find_kernels(const char* name) { return find_kernels(name); }
CAROUSEL_EXPORT const char* carousel_kernels_name(const Kernels* kernels) { return kernels->name; }

// Single kernels, for tests. Sizes are multiples of kAlignment.
CAROUSEL_EXPORT float carousel_quantise(const Kernels* kernels, const float* row, int32_t size, uint8_t* levels) {
  return kernels->quantise(row, size, levels);
}

CAROUSEL_EXPORT int carousel_multiply(
    const Kernels* kernels, const void* values, const float* scales, const float* bias, int32_t outputs, int32_t inputs,
    const float* rows, int32_t count, float* output) {
  return guarded([&] {
    StoredMatrix stored;
    stored.values = values, stored.scales = scales, stored.bias = bias;
    stored.outputs = outputs, stored.inputs = inputs;
    Matrix matrix;
    matrix.pack(stored, kernels->lanes);
    Multiplier(*kernels).multiply(matrix, rows, inputs, count, output, outputs);
  });
}

CAROUSEL_EXPORT void carousel_layer_norm(
    const Kernels* kernels, const float* row, int32_t width, int32_t size, const float* weight, const float* bias,
    float* output) {
  kernels->layer_norm(row, width, size, weight, bias, output);
}

CAROUSEL_EXPORT void carousel_softmax(const Kernels* kernels, float* scores, int32_t count, int32_t size) {
  kernels->softmax(scores, count, size);
}

CAROUSEL_EXPORT float carousel_log_sum_exp(const Kernels* kernels, const float* scores, int32_t size) {
  return kernels->log_sum_exp(scores, size);
}

CAROUSEL_EXPORT void carousel_select_largest(
    const Kernels* kernels, const float* scores, int32_t size, int32_t count, float* largest, int32_t* positions) {
  kernels->select_largest(scores, size, count, largest, positions);
}

// --- models ---------------------------------------------------------------------------------------------------------

CAROUSEL_EXPORT Model* carousel_model_new(const Architecture* architecture, const Kernels* kernels) {
  return created([&] { return std::make_unique<Model>(*architecture, *kernels); });
}

CAROUSEL_EXPORT void carousel_model_delete(Model* model) { delete model; }

CAROUSEL_EXPORT int carousel_model_set_matrix(
    Model* model, const char* name, const void* values, const float* scales, const float* bias, int32_t outputs,
    int32_t inputs, int32_t output_parts, int32_t input_parts, int32_t is_lstm) {
  return guarded([&] {
    if (outputs < 1 || inputs < 1 || output_parts < 1 || input_parts < 1 || outputs % output_parts ||
        inputs % input_parts || (is_lstm && output_parts != 4))
      throw std::invalid_argument(std::string(name) + " has a wrong shape");
    StoredMatrix stored;
    stored.values = values, stored.scales = scales, stored.bias = bias;
    stored.outputs = outputs, stored.inputs = inputs;
    stored.output_parts = output_parts, stored.input_parts = input_parts, stored.is_lstm = is_lstm;
    model->set_matrix(name, stored);
  });
}

CAROUSEL_EXPORT int carousel_model_set_vector(Model* model, const char* name, const float* values, int32_t size) {
  return guarded([&] { model->set_vector(name, values, size); });
}

CAROUSEL_EXPORT int carousel_model_set_table(
    Model* model, const char* name, const void* values, const float* scales, int32_t rows, int32_t width) {
  return guarded([&] { model->set_table(name, values, scales, rows, width); });
}

CAROUSEL_EXPORT int carousel_model_share_table(Model* model, const char* name, const char* other) {
  return guarded([&] { model->share_table(name, other); });
}

CAROUSEL_EXPORT int carousel_model_complete(
    Model* model, const int32_t* initial_layers, const int32_t* reserved, int32_t num_reserved,
    int32_t with_whole_vocabulary) {
  return guarded([&] {
    for (int layer = 0; layer < model->architecture().decoder_layers; ++layer)
      model->set_initial_state(layer, initial_layers[layer]);
    model->set_reserved(reserved, num_reserved);
    model->complete(with_whole_vocabulary);
  });
}

// --- engines --------------------------------------------------------------------------------------------------------

CAROUSEL_EXPORT CandidateEngine* carousel_engine_new(const Model* model, int32_t num_slots, int32_t beam_size) {
  return created([&] { return std::make_unique<CandidateEngine>(*model, num_slots, beam_size); });
}

CAROUSEL_EXPORT void carousel_engine_delete(CandidateEngine* engine) { delete engine; }

CAROUSEL_EXPORT int carousel_engine_admit(
    CandidateEngine* engine, const Model* model, const PackedSentences* sentences) {
  return guarded([&] { engine->admit(unpacked_slots(*sentences), unpacked_sentences(*sentences, *model)); });
}

CAROUSEL_EXPORT int carousel_engine_release(CandidateEngine* engine, int32_t slot) {
  return guarded([&] { engine->release(slot); });
}

CAROUSEL_EXPORT int carousel_engine_step(CandidateEngine* engine, const StepArguments* arguments) {
  return guarded([&] { engine->step(*arguments); });
}

// --- beam search ----------------------------------------------------------------------------------------------------

CAROUSEL_EXPORT BeamSearch* carousel_search_new(
    const Model* model, int32_t num_slots, int32_t beam_size, int32_t begin_of_sentence) {
  return created([&] { return std::make_unique<BeamSearch>(*model, num_slots, beam_size, begin_of_sentence); });
}

CAROUSEL_EXPORT void carousel_search_delete(BeamSearch* search) { delete search; }

// `options` holds the options of each sentence.
CAROUSEL_EXPORT int carousel_search_admit(
    BeamSearch* search, const Model* model, const PackedSentences* sentences, const SearchOptions* options) {
  return guarded([&] { search->admit(unpacked_slots(*sentences), unpacked_sentences(*sentences, *model), options); });
}

CAROUSEL_EXPORT int carousel_search_release(BeamSearch* search, int32_t slot) {
  return guarded([&] { search->release(slot); });
}

CAROUSEL_EXPORT int carousel_search_advance(BeamSearch* search, int32_t max_steps, FinishedSentences* finished) {
  return guarded([&] { *finished = search->advance(max_steps); });
}
