// Weight matrices in the layout of the kernels.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

#include "kernels.h"

namespace carousel {

// Array whose address is a multiple of a cache line. `resize` keeps no content, and frees nothing when it shrinks.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(size_t size) { resize(size); }

  void resize(size_t size) {
    if (size > capacity_) {
      // Kernels read and write whole vectors, so the memory ends with a whole cache line.
      const size_t bytes = (size * sizeof(T) + 2 * kLine - 1) / kLine * kLine;
      void* memory = nullptr;
#if defined(_WIN32)
      memory = _aligned_malloc(bytes, kLine);
      if (memory == nullptr) throw std::bad_alloc();
#else
      if (posix_memalign(&memory, kLine, bytes) != 0) throw std::bad_alloc();
#endif
      memory_.reset(static_cast<T*>(memory));
      capacity_ = size;
    }
    size_ = size;
  }

  void resize_zeroed(size_t size) {
    resize(size);
    for (size_t i = 0; i < size; ++i) memory_.get()[i] = T();
  }

  T* data() { return memory_.get(); }
  const T* data() const { return memory_.get(); }
  size_t size() const { return size_; }
  T& operator[](size_t i) { return memory_.get()[i]; }
  const T& operator[](size_t i) const { return memory_.get()[i]; }

 private:
  static constexpr size_t kLine = 64;
  struct Free {
#if defined(_WIN32)
    void operator()(void* memory) const { _aligned_free(memory); }
#else
    void operator()(void* memory) const { std::free(memory); }
#endif
  };
  std::unique_ptr<T[], Free> memory_;
  size_t size_ = 0, capacity_ = 0;
};

// A weight matrix [outputs, inputs] as it is stored in a file: int8 levels with a scale per output, or floats.
struct StoredMatrix {
  const void* values = nullptr;
  const float* scales = nullptr;  // null for floats
  const float* bias = nullptr;    // null for none
  int outputs = 0, inputs = 0;
  // The inputs are this number of equal parts, each of which is padded to a multiple of kAlignment, and so are the
  // outputs. The rows of activations have the same padding.
  int input_parts = 1, output_parts = 1;
  // True for the gates of an LSTM, which are four output parts: input, forget and output gate, and candidate. Each tile
  // gets a vector of all four.
  bool is_lstm = false;
};

// Byte offset, in the layout of MatrixView, of the weights of a panel in a step. A step has one input in fp32.
size_t panel_offset(int panel, int step, int panels, int steps, int lanes);

// A packed matrix.
class Matrix {
 public:
  void pack(const StoredMatrix& stored, int lanes);

  // Pack rows of a table [rows, width], which are the outputs. `column_sums` holds the sum of each row of levels.
  void pack_rows(
      const void* table, const float* scales, const int32_t* column_sums, int width, const int32_t* ids, int count,
      int lanes);

  MatrixView view() const;
  int inputs() const { return inputs_; }    // padded
  int outputs() const { return outputs_; }  // padded

 private:
  void resize(int inputs, int outputs, bool is_int8, int lanes);

  Array<uint8_t> weights_;
  Array<float> scales_, bias_;
  Array<int32_t> corrections_;
  int inputs_ = 0, outputs_ = 0, lanes_ = 0;
  bool is_int8_ = false;
};

}  // namespace carousel
