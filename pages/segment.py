import streamlit as st

st.title("segment")
