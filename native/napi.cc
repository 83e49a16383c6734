// The addon: each kernel of kernels.def as a JavaScript function, its arguments read by the types of its C++ signature.
// A pointer takes a typed array of the same element type (or null), an int or float takes a number. No mathematics here;
// lengths are checked by the callers in TypeScript, which know the shapes.
#define NAPI_VERSION 8
#include <node_api.h>

#include <cstdio>
#include <cstring>
#include <tuple>
#include <utility>

#include "pool.h"

namespace avx512 { extern const KernelTable table; }
namespace avx2 { extern const KernelTable table; }
namespace baseline { extern const KernelTable table; }

namespace {

template <class T> struct ElementType;
template <> struct ElementType<float> { static constexpr napi_typedarray_type value = napi_float32_array; };
template <> struct ElementType<double> { static constexpr napi_typedarray_type value = napi_float64_array; };
template <> struct ElementType<uint8_t> { static constexpr napi_typedarray_type value = napi_uint8_array; };
template <> struct ElementType<int32_t> { static constexpr napi_typedarray_type value = napi_int32_array; };
template <> struct ElementType<uint32_t> { static constexpr napi_typedarray_type value = napi_uint32_array; };

template <class T> struct Argument;
template <class T> struct Argument<T*> {
  static bool read(napi_env env, napi_value value, T*& out) {
    napi_valuetype kind;
    napi_typeof(env, value, &kind);
    if (kind == napi_null) { out = nullptr; return true; }
    napi_typedarray_type type;
    void* data;
    if (napi_get_typedarray_info(env, value, &type, nullptr, &data, nullptr, nullptr) != napi_ok) return false;
    out = (T*)data;
    return type == ElementType<std::remove_const_t<T>>::value;
  }
};
template <> struct Argument<int> {
  static bool read(napi_env env, napi_value value, int& out) { return napi_get_value_int32(env, value, &out) == napi_ok; }
};
template <> struct Argument<float> {
  static bool read(napi_env env, napi_value value, float& out) {
    double number;
    if (napi_get_value_double(env, value, &number) != napi_ok) return false;
    out = (float)number;
    return true;
  }
};

struct Entry { const char* name; void* function; };

template <class... A, size_t... I>
napi_value call_with(napi_env env, const napi_value* argv, const Entry* entry, std::index_sequence<I...>) {
  std::tuple<A...> arguments;
  int bad = -1;
  ((bad < 0 && !Argument<A>::read(env, argv[I], std::get<I>(arguments)) ? (void)(bad = (int)I) : (void)0), ...);
  if (bad >= 0) {
    char message[160];
    snprintf(message, sizeof message, "native kernel %s: expected argument %d of another type. Pass what kernels.def names.", entry->name, bad);
    napi_throw_type_error(env, nullptr, message);
    return nullptr;
  }
  ((void (*)(A...))entry->function)(std::get<I>(arguments)...);
  return nullptr;
}

template <class... A>
napi_value call(napi_env env, napi_callback_info info) {
  napi_value argv[sizeof...(A)];
  size_t argc = sizeof...(A);
  void* data;
  napi_get_cb_info(env, info, &argc, argv, nullptr, &data);
  const Entry* entry = (const Entry*)data;
  if (argc != sizeof...(A)) {
    napi_throw_type_error(env, nullptr, entry->name);
    return nullptr;
  }
  return call_with<A...>(env, argv, entry, std::index_sequence_for<A...>{});
}

template <class... A>
void add_kernel(napi_env env, napi_value object, const char* name, void (*function)(A...)) {
  // lives as long as the process, like the function that refers to it
  Entry* entry = new Entry{name, (void*)function};
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, call<A...>, entry, &value);
  napi_set_named_property(env, object, name, value);
}

bool supported(const char* isa) {
#if defined(__x86_64__)
  if (!strcmp(isa, "avx512"))
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (!strcmp(isa, "avx2")) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return true;
}

const KernelTable* const tables[] = {
#if defined(__x86_64__)
  &avx512::table, &avx2::table,
#endif
  &baseline::table,
};

void put(napi_env env, napi_value object, const char* name, napi_callback function) {
  napi_value value;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
  napi_set_named_property(env, object, name, value);
}

napi_value set_threads_js(napi_env env, napi_callback_info info) {
  napi_value argument;
  size_t argc = 1;
  int32_t count = 1;
  napi_get_cb_info(env, info, &argc, &argument, nullptr, nullptr);
  napi_get_value_int32(env, argument, &count);
  set_threads(count < 1 ? 1 : count > 256 ? 256 : count);
  return nullptr;
}

napi_value multiplies_js(napi_env env, napi_callback_info) {
  napi_value value;
  napi_create_int64(env, multiplies_done(), &value);
  return value;
}

napi_value init(napi_env env, napi_value exports) {
  put(env, exports, "setThreads", set_threads_js);
  put(env, exports, "multiplies", multiplies_js);
  napi_value sets;
  napi_create_object(env, &sets);
  for (const KernelTable* table : tables) {
    if (!supported(table->isa)) continue;
    napi_value kernels;
    napi_create_object(env, &kernels);
#define KERNEL(name, parameters) add_kernel(env, kernels, #name, table->name);
#include "kernels.def"
#undef KERNEL
    napi_set_named_property(env, sets, table->isa, kernels);
  }
  // in order of preference: the widest first
  napi_set_named_property(env, exports, "instructionSets", sets);
  napi_add_env_cleanup_hook(env, [](void*) { stop_threads(); }, nullptr);
  return exports;
}

}  // namespace

NAPI_MODULE(trisparse, init)
