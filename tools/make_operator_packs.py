"""Make signatures/operators/tensorflow.toml and tflite.toml from a TensorFlow wheel, without importing anything.

    python tools/make_operator_packs.py WHEEL signatures/operators

Names of operators are read from the generated modules (`gen_*_ops.py`), builtin codes of TensorFlow Lite from its generated schema. The
lists of
what is dangerous are this file's own, after SECURITY.md of TensorFlow ("TensorFlow models are programs").
"""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

DANGEROUS = ["PyFunc", "PyFuncStateless", "EagerPyFunc", "PyCall", "NumpyFunction", "ReadFile", "WriteFile", "ImmutableConst",
    "LoadLibrary", "LoadOpLibrary", "DebugIdentityV3Grpc",
             "RpcCall", "RpcClient", "RpcServer", "RpcServerStart", "RpcServerRegister", "TryRpc", "Rpc", "ShellExecute", "ExecuteCommand",
             "System", "RunPython", "SaveDatasetV2", "SnapshotDatasetV2",
             "DatasetToTFRecord", "DatasetToTFRecordV2", "GeneratorDataset", "RegisterDatasetV2", "DataServiceDataset",
             "DataServiceDatasetV2", "DataServiceDatasetV3", "DataServiceDatasetV4",
             "WriteSummary", "CreateSummaryFileWriter", "WriteGraphSummary", "LMDBReader", "SqlDataset"]  # fmt: skip
FILES = ["TextLineDataset", "TextLineReader", "TextLineReaderV2", "FixedLengthRecordDataset", "FixedLengthRecordDatasetV2",
    "FixedLengthRecordReader", "FixedLengthRecordReaderV2", "TFRecordDataset",
         "TFRecordDatasetV2", "TFRecordReader", "TFRecordReaderV2", "WholeFileReader", "WholeFileReaderV2", "LMDBDataset", "CSVDataset",
         "CSVDatasetV2", "LoadDataset", "ListDataset",
         "CacheDataset", "CacheDatasetV2", "ExperimentalCSVDataset", "ExperimentalLMDBDataset"]  # fmt: skip
REVIEW = ["MatchingFiles", "MatchingFilesDataset", "DeleteFile", "DebugIdentity", "DebugNumericSummary", "DebugIdentityV2",
    "DebugIdentityV3", "GetElementAtIndex", "FileSystemSetConfiguration",
          "LookupTableExportV2", "IteratorFromStringHandle", "IteratorFromStringHandleV2"]  # fmt: skip
MORE = [
    "SymbolicGradient",
    "_Retval",
    "_Arg",
    "Placeholder",
    "NoOp",
    "RemoteCall",
    "If",
    "While",
    "StatelessIf",
    "StatelessWhile",
    "PartitionedCall",
    "StatefulPartitionedCall",
    "Case",
    "StatelessCase",
    "For",
]
LIBRARIES = ["SentencepieceOp", "SentencepieceTokenizeOp", "SentencepieceDetokenizeOp", "RaggedTensorToTensor", "RegexSplitWithOffsets",
    "WhitespaceTokenizeWithOffsets", "WhitespaceTokenizeWithOffsetsV2",
             "UnicodeScriptTokenizeWithOffsets", "WordpieceTokenizeWithOffsets", "FastWordpieceTokenizeWithOffsets", "FastBertNormalize",
             "CaseFoldUTF8", "NormalizeUTF8", "NormalizeUTF8WithOffsetsMap",
             "SentenceFragments", "SimpleMLInferenceOpWithHandle", "SimpleMLCreateModelResource", "SimpleMLLoadModelFromPathWithHandle",
             "TRTEngineOp", "NcclAllReduce", "SentencepieceVocabSizeOp",
             "SentencepieceIdToStringOp", "SentencepieceStringToIdOp", "TFText>WhitespaceTokenizeWithOffsetsV2",
             "TFText>FastBertNormalize", "TFText>FastWordpieceTokenizeWithOffsets",
             "TFText>NgramsStringJoin", "TFText>RoundRobinTrim", "TFText>BoiseOffsetsToTags", "TFText>Utf8Binarize", "RoundRobinTrim",
             "Addons>ImageProjectiveTransformV3", "Addons>GatherTree"]  # fmt: skip
TFLITE_KNOWN = ["TFLite_Detection_PostProcess", "Convolution2DTransposeBias", "MaxPoolingWithArgmax2D", "MaxUnpooling2D",
    "TransformLandmarks", "TransformTensor", "TransformTensorBilinear", "Landmarks2TransformMatrix",
                "KmeansEmbeddingLookup", "AudioSpectrogram", "Mfcc", "TFSentencepieceTokenizeOp", "edgetpu-custom-op", "NumericVerify",
                "RoiToTransformMatrix", "UniversalSentenceEncoderPreprocess", "Perception",
                "TFLite_Detection_PostProcess_CPU", "ethos-u", "Rfft2D", "SentencepieceTokenizeOp", "NGRAMS", "SKIP_GRAM", "NORMALIZE",
                "EXTRACT_FEATURES", "PREDICT", "AssignVariable", "ReadVariable", "VarHandle",
                "SIGNAL_FFT", "SignalFilterBank", "SignalWindow", "SignalRfft", "SignalFilterBankSquareRoot", "SignalPCAN",
                "SignalFilterBankLog", "SignalEnergy", "SignalFftAutoScale", "SignalFramer", "DELEGATE"]  # fmt: skip


def table(names: list[str]) -> str:
    """A TOML list over several lines."""
    out, line = ["["], " "
    for name in names:
        if len(line) + len(name) > 150:
            out.append(line)
            line = " "
        line += f' "{name}",'
    return "\n".join([*out, line, "]"])


def main(wheel: str, folder: Path) -> None:
    """Write both packs."""
    known: set[str] = set()
    builtin: dict[int, str] = {}
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            if re.search(r"/gen_\w+\.py$", name):
                known.update(re.findall(r'_execute\.execute\(b"([A-Za-z0-9_>]+)"', archive.read(name).decode()))
            elif name.endswith("lite/python/schema_py_generated.py"):
                body = archive.read(name).decode().split("class BuiltinOperator(object):")[1].split("\nclass ")[0]
                builtin = {int(n): op for op, n in re.findall(r"^\s+([A-Z0-9_]+) = (\d+)", body, re.M)}
    known |= {*MORE, *LIBRARIES}
    known -= {*DANGEROUS, *FILES, *REVIEW}
    text = ["# Made by tools/make_operator_packs.py. Operators that run Python, load libraries, or read and write files and services.",
        f"dangerous = {table(DANGEROUS)}",
            "# Readers: dangerous on a constant name.", f"files = {table(FILES)}", "# To be looked at.", f"review = {table(REVIEW)}",
            "# All others of TensorFlow, and of the libraries that published models use.",
            f"known = {table(sorted(known))}"]  # fmt: skip
    (folder / "tensorflow.toml").write_text("\n".join(text) + "\n", "utf-8")
    lite = ["# Made by tools/make_operator_packs.py. Custom operators that runtimes of TensorFlow Lite and MediaPipe register.",
        f"custom = {table(TFLITE_KNOWN)}",
            "# BuiltinOperator of schema.fbs, by number.",
            f"builtin = {table([builtin.get(n, '') for n in range(max(builtin) + 1)])}"]  # fmt: skip
    (folder / "tflite.toml").write_text("\n".join(lite) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
