import streamlit as st

st.title("segments")
